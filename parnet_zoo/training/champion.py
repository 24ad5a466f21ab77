"""Whether a new version is better than the one in production."""

from __future__ import annotations

from collections.abc import Callable

from parnet_zoo.errors import ParnetZooError
from parnet_zoo.serving.load import load
from parnet_zoo.tracking.promotion import Verdict
from parnet_zoo.tracking.registered import version_tag
from parnet_zoo.training.images import Images
from parnet_zoo.training.judge import Judged
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.promoting.duel import duel
from parnet_zoo.training.promoting.readable import readable


def better_than_champion(
    new: Judged, plan: Plan, validation: Images, progress: Progress
) -> Callable[[str], Verdict]:
    """A question about the champion's version: does the new one beat it on the validation images?

    The champion is measured now, on the same images, with its own decoding and resolution. One
    that cannot be loaded or knows other classes cannot be compared, and stays.
    """

    def compare(champion: str) -> Verdict:
        uri = f"models:/{plan.recipe.registered_name}/{champion}"
        try:
            rival = load(uri)
        except ParnetZooError as error:
            return _stays(f"the champion {uri} stays, since it cannot be asked: {error}", progress)
        classes = plan.folder.classes
        if rival.labels != classes:
            known = ", ".join(rival.labels)
            return _stays(f"the champion {uri} stays: it knows other classes ({known})", progress)
        if version_tag(uri, "parnet_zoo.data_digest") != plan.folder.digest:
            progress.warn(
                f"the champion {uri} was trained with other images or another split: it may know"
                " some of these validation images, which makes it look better than it is"
            )
        return duel(new.accuracy, rival, uri, readable(validation))

    return compare


def _stays(sentence: str, progress: Progress) -> Verdict:
    progress.warn(sentence)
    return Verdict(wins=False, reason=sentence)
