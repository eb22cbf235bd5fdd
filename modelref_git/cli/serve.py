"""``serve``: the HTTP service. It is a program of its own, which this starts with its settings in the environment."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

import click

from modelref_git.cli.app import App, pass_app
from modelref_git.errors import UsageFault

_PROGRAM: Final = "modelref_git.server"
_NEEDED: Final = ("fastapi", "uvicorn", "prometheus_client", "jinja2")


def _option(name: str, text: str, **more: Any) -> Callable[..., Any]:
    """An option that is an environment variable too; the service itself reads it, and refuses what makes no sense."""
    variable = "MODELREF_" + name.removeprefix("--").split("/")[0].replace("-", "_").upper()
    return click.option(name, envvar=variable, show_envvar=True, help=text, **more)


@click.command("serve")
@_option("--host", "The address to listen on.  [default: 127.0.0.1]")
@_option("--port", "The port; 0 takes a free one.  [default: 19800]")
@_option("--workers", "Processes that answer.  [default: 1]", metavar="N")
@_option("--read-only/--no-read-only", "REPLICA mode: nothing can be changed.", default=None)
@_option("--auth", "Who says who asks, in order: a list of keys, horde, file.  [default: keys]", metavar="LIST")
@_option("--auth-file", "The keys of the provider `file`.", metavar="FILE")
@_option("--keys-file", "The keys that `key create` made.  [default: beside the repository]", metavar="FILE")
@_option("--horde-url", "AI-Horde's API, for the provider `horde`.", metavar="URL")
@_option("--canonical-format", "Which API version writes: v2 or legacy.  [default: v2]", metavar="FORMAT")
@_option("--queue/--no-queue", "Whether the review queue is open.  [default: queue]", default=None)
@_option("--audit/--no-audit", "Whether the audit routes answer.  [default: audit]", default=None)
@_option("--pages/--no-pages", "Whether there are pages for people, below /ui/.  [default: pages]", default=None)
@_option("--webhooks/--no-webhooks", "Whether webhooks are delivered from here.  [default: webhooks]", default=None)
@_option("--cors-origins", "Web pages of these origins may ask, with commas between them.", metavar="LIST")
@_option("--files", "The folder with the model files that can be downloaded from here.", metavar="DIR")
@_option("--max-body", "Bytes of a request's body at most.  [default: 1048576]", metavar="N")
@_option("--rate-limit", "Requests a minute of one caller to one worker; 0 for any number.  [default: 0]", metavar="N")
@_option("--write-wait", "Seconds that a write waits for its turn.  [default: 15]", metavar="SECONDS")
@_option("--follow", "In a clone: seconds between looks at the remote; 0 for none.  [default: 5]", metavar="SECONDS")
@_option("--access-log/--no-access-log", "A line of JSON on stderr for each request.", default=None)
@_option("--grace", "Seconds that a stop waits for what is being answered.  [default: 20]", metavar="SECONDS")
@_option("--forwarded-allow-ips", "Proxies whose X-Forwarded-For is believed.  [default: 127.0.0.1]", metavar="LIST")
@pass_app
def command(app: App, /, **options: Any) -> None:
    """Serve the dataset and its review queue over HTTP.

    The routes are those of the model reference service that clients know; /docs on the service lists them. Browsers
    find pages below /ui/. Whoever runs it with --actor names the member with the role `service` who then attests the
    events of others.

    It takes the extra `server`: pip install 'modelref-git[server]'.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageFault(
            f"the HTTP service takes {', '.join(missing)}, which is not installed",
            hint="install the extra: pip install 'modelref-git[server]'",
        )
    given = {name: value for name, value in options.items() if value is not None}
    given |= {"repo": app.path, **({"actor": app.actor} if app.actor else {})}
    os.environ |= {f"MODELREF_{name.upper()}": _text(value) for name, value in given.items()}
    runpy.run_module(_PROGRAM, run_name="__main__", alter_sys=True)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
