"""Which alias a new version gets, in a real registry."""

from pathlib import Path

import pytest

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.promotion import assign_alias
from parnet_zoo.tracking.registered import aliased_version
from parnet_zoo.tracking.store import open_client


@pytest.fixture(autouse=True)
def _registered_model(own_store: Path) -> None:
    open_client().create_registered_model("digits")


def register() -> str:
    source = Path.cwd().as_uri()
    return str(open_client().create_model_version("digits", source=source).version)


def aliases() -> dict[str, str]:
    return {k: str(v) for k, v in open_client().get_registered_model("digits").aliases.items()}


def test_the_first_version_is_champion_whatever_the_rule() -> None:
    assert aliases() == {}
    assert assign_alias("digits", register(), promote="never", is_better=None) == "champion"
    assert aliases() == {"champion": "1"}


def test_later_versions_are_candidates() -> None:
    assign_alias("digits", register(), promote="never", is_better=None)
    assert assign_alias("digits", register(), promote="never", is_better=lambda _: True) == (
        "candidate"
    )
    assert assign_alias("digits", register(), promote="never", is_better=None) == "candidate"
    assert aliases() == {"champion": "1", "candidate": "3"}


def test_a_better_version_takes_over_and_the_old_champion_stays_known() -> None:
    assign_alias("digits", register(), promote="if_better", is_better=None)
    asked = []

    def better(uri: str) -> bool:
        asked.append(uri)
        return True

    assert assign_alias("digits", register(), promote="if_better", is_better=better) == "champion"
    assert assign_alias("digits", register(), promote="if_better", is_better=better) == "champion"
    assert asked == ["models:/digits/1", "models:/digits/2"]
    assert aliases() == {"champion": "3", "previous": "2"}


def test_a_worse_version_is_a_candidate() -> None:
    assign_alias("digits", register(), promote="if_better", is_better=None)
    worse = assign_alias("digits", register(), promote="if_better", is_better=lambda _: False)
    assert worse == "candidate"
    assert aliases() == {"champion": "1", "candidate": "2"}


def test_without_a_comparison_nothing_is_promoted() -> None:
    assign_alias("digits", register(), promote="if_better", is_better=None)
    assert assign_alias("digits", register(), promote="if_better", is_better=None) == "candidate"


def test_asking_again_changes_nothing() -> None:
    version = register()
    for _ in range(2):
        assert assign_alias("digits", version, promote="never", is_better=None) == "champion"
    assert aliases() == {"champion": "1"}


def test_a_candidate_that_is_promoted_later_is_no_candidate_any_more() -> None:
    assign_alias("digits", register(), promote="never", is_better=None)
    second = register()
    assign_alias("digits", second, promote="never", is_better=None)
    assign_alias("digits", int(second), promote="if_better", is_better=lambda _: True)
    assert aliases() == {"champion": "2", "previous": "1"}


def test_a_rival_that_was_faster_is_who_must_be_beaten() -> None:
    assign_alias("digits", register(), promote="never", is_better=None)
    rival, ours = register(), register()
    asked = []

    def better(uri: str) -> bool:
        asked.append(uri)
        if len(asked) == 1:  # while we compare, another process promotes its version
            open_client().set_registered_model_alias("digits", "champion", rival)
        return uri == "models:/digits/1"

    alias = assign_alias("digits", ours, promote="if_better", is_better=better)
    assert alias == "candidate"
    assert asked == ["models:/digits/1", f"models:/digits/{rival}"]
    assert aliases() == {"champion": rival, "candidate": ours}


def test_a_champion_that_never_holds_still_is_given_up() -> None:
    assign_alias("digits", register(), promote="never", is_better=None)
    rivals = [register() for _ in range(6)]
    ours = register()

    def better(_: str) -> bool:
        open_client().set_registered_model_alias("digits", "champion", rivals.pop())
        return True

    with pytest.raises(TrackingError, match="keeps changing: promote version 8 later"):
        assign_alias("digits", ours, promote="if_better", is_better=better)


def test_a_version_that_does_not_exist_is_said() -> None:
    with pytest.raises(TrackingError, match=r"refuses: .*version"):
        assign_alias("digits", "7", promote="never", is_better=None)


def test_the_version_of_an_alias_can_be_asked() -> None:
    assert aliased_version("nothing", "champion") is None
    assert aliased_version("it's nothing", "champion") is None
    assign_alias("digits", register(), promote="never", is_better=None)
    assert aliased_version("digits", "champion") == "1"
    assert aliased_version("digits", "candidate") is None
