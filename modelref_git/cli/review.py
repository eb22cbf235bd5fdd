"""``review``: an approver's walk through what waits for them, decided as one batch at the end."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from modelref_git.cli import exits, review_screen
from modelref_git.cli.app import App, dry_run_option, pass_app
from modelref_git.cli.approve import show
from modelref_git.cli.review_keys import Keys
from modelref_git.errors import Conflict, ModelrefError, NotFound, UsageFault, WrongState

if TYPE_CHECKING:
    from modelref_git.operations.context import Context
    from modelref_git.operations.review_queue import Sheet

NOTHING: Final[dict[str, Any]] = {"batch_id": None, "batch_title": None, "approved": [], "rejected": []}
"""The answer where nothing was decided."""


@click.command("review")
@click.argument("change_ids", metavar="[ID…]", nargs=-1, type=int)
@click.option("--category", "categories", multiple=True, metavar="C", help="Repeatable.")
@click.option("--model", "model_name", default="", metavar="NAME", help="Names that contain this text.")
@click.option("--requested-by", multiple=True, metavar="U", help="An id, or NAME#ID (repeatable).")
@click.option("--title", metavar="T", help="The batch's title; asked for at the end unless given.")
@click.option("--ack-critical", is_flag=True, help="Critical fields will be looked at a second time; do not ask.")
@dry_run_option
@pass_app
def command(
    app: App,
    change_ids: tuple[int, ...],
    categories: tuple[str, ...],
    model_name: str,
    requested_by: tuple[str, ...],
    title: str | None,
    ack_critical: bool,
    dry_run: bool,
) -> int | None:
    """Walk through the open changes that you may decide on, one difference at a time.

    Keys: a approves, r rejects and asks why, s skips, b goes back, d shows the whole record, q goes to the end, ? is
    help. What was decided becomes one batch at the end, all or nothing, exactly as shown. Ctrl-C decides nothing.

    Where standard input is no terminal, it is read line by line: a key, and for r the reason on the same line or the
    next. Its end is as good as q, and leaves the title as it is proposed.
    """
    from modelref_git.operations.changes import Filters
    from modelref_git.operations.review_queue import changes_to_review
    from modelref_git.operations.wording import check_title

    if title is not None:
        check_title(title)
    context = app.context(dry_run=dry_run)
    context.refresh()
    filters = Filters((), categories, None, model_name, requested_by)
    walk = Walk(context, changes_to_review(context, filters, change_ids), Keys(), ack_critical, title)
    try:
        answer = walk.run()
    except (KeyboardInterrupt, click.Abort):
        review_screen.say("", "nothing was decided")
        return exits.INTERRUPTED
    show(app, answer, dry_run)
    return None


@dataclass(slots=True)
class Walk:
    """One walk through *change_ids*."""

    context: Context
    change_ids: Sequence[int]
    keys: Keys
    ack_critical: bool
    title: str | None
    decisions: dict[int, review_screen.Decision] = field(default_factory=dict)
    """By change id."""

    def run(self) -> dict[str, Any]:
        """Walk, ask for a title, and decide; answers a PendingBatchResult.

        Raises:
            KeyboardInterrupt: the approver broke off, and nothing was decided.
            ModelrefError: as :func:`.review_changes`, and nothing was decided.
        """
        if not self.change_ids:
            review_screen.say("no open change waits for you")
            return NOTHING
        self._look()
        while self.decisions:
            review_screen.summary(list(self.decisions.values()))
            answer = self._decide(self._asked_title())
            if answer is not None:
                return answer
        review_screen.say("nothing was decided")
        return NOTHING

    # --- looking -----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Show one change after the other, until the last or until the approver has enough."""
        at = 0
        while at < len(self.change_ids):
            sheet = self._read(self.change_ids[at])
            if sheet is None:
                at += 1
                continue
            review_screen.show(sheet, at, len(self.change_ids), self.decisions)
            move = self._ask(sheet, at)
            if move is None:
                return
            at = max(at + move, 0)

    def _read(self, number: int) -> Sheet | None:
        """The change as it is now, or nothing if others decided it meanwhile."""
        from modelref_git.operations.review_queue import review_sheet

        try:
            return review_sheet(self.context, number)
        except (NotFound, WrongState) as fault:
            self.decisions.pop(number, None)
            review_screen.say(f"left out: {fault.message}")
            return None

    def _ask(self, sheet: Sheet, at: int) -> int | None:
        """Ask for keys until one moves on: by how many changes, or ``None`` for the end."""
        number = sheet.change.change_id
        while True:
            key, rest = self.keys.key(f"{number} [a r s b d q ?] ")
            match key:
                case _ if rest and key != "r":
                    self.keys.refuse(f"{key} {rest}", "nothing follows a key but the reason after r")
                case "a" if self._approve(sheet):
                    return 1
                case "r" if self._reject(sheet, rest):
                    return 1
                case "s":
                    self.decisions.pop(number, None)
                    return 1
                case "b" if at:
                    return -1
                case "b":
                    review_screen.say("this is the first")
                case "d":
                    review_screen.whole(sheet)
                case "q":
                    return None
                case "?":
                    review_screen.say(*HELP)
                case "a" | "r":
                    pass  # it was not to be, and why has been said
                case _:
                    self.keys.refuse(key, "press one of a r s b d q, or ? for help")

    def _approve(self, sheet: Sheet) -> bool:
        """Note an approval; gives whether it was."""
        others = [d.sheet for n, d in self.decisions.items() if d.reason is None and n != sheet.change.change_id]
        alone = next((one for one in (sheet, *others) if one.is_policy), None)
        if alone is not None and others:
            number = alone.change.change_id
            self.keys.refuse("a", f"change {number} is one of the policy: it is approved alone, in a walk of its own")
            return False
        acknowledged = self.ack_critical
        if sheet.needs_acknowledgement and not acknowledged:
            review_screen.say(f"critical fields: {', '.join(sheet.critical) or 'see above'}")
            key, _ = self.keys.key("look at them a second time; y approves: ")
            if key != "y":
                review_screen.say("not approved")
                return False
            acknowledged = True
        self.decisions[sheet.change.change_id] = review_screen.Decision(sheet, None, acknowledged)
        return True

    def _reject(self, sheet: Sheet, given: str) -> bool:
        """Note a rejection with its reason; gives whether it was."""
        from modelref_git.operations.wording import check_reason

        reason = given or self.keys.line("reason: ")
        if reason is None or (self.keys.at_terminal and not reason.strip()):
            review_screen.say("no reason, so not rejected")
            return False
        try:
            self.decisions[sheet.change.change_id] = review_screen.Decision(sheet, check_reason(reason))
        except UsageFault as fault:
            self.keys.refuse(reason, fault.message)
            return False
        return True

    # --- deciding ----------------------------------------------------------------------------------------------------

    def _asked_title(self) -> str:
        from modelref_git.operations.wording import check_title

        default = f"Review of {time.strftime('%Y-%m-%d', time.gmtime(self.context.clock()))}"
        while self.title is None:
            given = self.keys.line(f"title [{default}]: ")
            if given is None and self.keys.at_terminal:
                raise click.Abort
            try:
                self.title = check_title((given or "").strip() or default)
            except UsageFault as fault:
                self.keys.refuse(given or "", fault.message)
        return self.title

    def _decide(self, title: str) -> dict[str, Any] | None:
        """Decide; ``None`` when it was refused, and what stands against it has been left out."""
        from modelref_git.operations.review import Pick, review_changes
        from modelref_git.operations.review_queue import changed_since_read

        picks = [Pick(n, d.sheet.blob) for n, d in self.decisions.items() if d.reason is None]
        reasons = {number: d.reason for number, d in self.decisions.items() if d.reason is not None}
        acknowledged = any(d.acknowledged for d in self.decisions.values())
        try:
            return review_changes(
                self.context, picks, list(reasons), title=title, reasons=reasons, acknowledged=acknowledged
            )
        except ModelrefError as fault:
            read = [(pick.change_id, pick.blob) for pick in picks] + [(number, None) for number in reasons]
            changed = changed_since_read(self.context, read)
            if changed:
                self._leave_out(_changed(changed), changed)
            else:
                self._leave_out(fault, [row.get("change_id") for row in fault.details])
            return None

    def _leave_out(self, fault: ModelrefError, named: Collection[int | None]) -> None:
        """Offer to go on without the changes *named*, which stand against deciding.

        Raises:
            ModelrefError: *fault*, if nobody is there to ask, or would rather not.
        """
        troubled = [number for number in self.decisions if number in named]
        if not self.keys.at_terminal or not troubled or len(troubled) == len(self.decisions):
            raise fault
        review_screen.say(f"refused: {fault.message}")
        key, _ = self.keys.key(f"decide the others, without {', '.join(map(str, troubled))}? [y n] ")
        if key != "y":
            raise fault
        for number in troubled:
            del self.decisions[number]


def _changed(numbers: Sequence[int]) -> Conflict:
    listed = ", ".join(map(str, numbers))
    return Conflict(
        f"nothing was decided: since it was shown, others changed or decided change {listed}",
        hint=f"look again with `modelref-git review`, or at one with `modelref-git diff {numbers[0]}`",
    )


HELP: Final = (
    "a  approve: exactly what is shown, and no other content",
    "r  reject: asks why",
    "s  skip: the change stays as it is",
    "b  back to the change before",
    "d  the whole record",
    "q  to the end: what was decided becomes one batch, the rest stays as it is",
    "Ctrl-C decides nothing. Keys pressed before a change is shown do not count.",
)
