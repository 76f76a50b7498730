"""The command ``adapt``, with which the window lets a model learn beside the work."""

from __future__ import annotations

from pathlib import Path

from napari_iafpn.cli.finetune import listening, tell


def adapt_of(
    objects: Path,
    output: Path,
    start: str,
    since: Path | None,
    against: str,
    steps: int | None,
    *,
    urgent: bool,
) -> None:
    """Learn, or try what was learned; unless it is urgent, while nobody else computes."""
    from napari_iafpn.training.adaptation import AdaptRequest, run_adaptation, step_back

    if not urgent:
        step_back()
    orders = listening()
    given = {} if steps is None else {"steps": steps}
    request = AdaptRequest(objects, output, start, since, against, **given)
    run_adaptation(request, tell, lambda: orders.command)
