"""The command's front door. The version is answered before anything heavy is imported."""

import sys


def main() -> int:
    """Run the command line; gives the exit code."""
    if sys.argv[1:] == ["--version"]:
        from modelref_git import __version__

        sys.stdout.write(f"modelref-git {__version__}\n")
        return 0
    import gc

    # Imports and records make many objects and hardly a cycle: look for cycles less often than Python would.
    gc.set_threshold(50_000, 20, 20)
    from modelref_git.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
