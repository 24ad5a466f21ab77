"""Which alias a version gets, and the way back, in a real registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking import promotion_claim as claims
from parnet_zoo.tracking.process import Host
from parnet_zoo.tracking.promotion import Decision, Otherwise, Verdict, assign_alias
from parnet_zoo.tracking.promotion_claim import claim_name, promotion_claim
from parnet_zoo.tracking.registered import aliased_version
from parnet_zoo.tracking.rollback import RolledBack, roll_back
from parnet_zoo.tracking.store import open_client
from tests.conftest import REPOSITORY
from tests.mlflow_server import Server
from tests.postgres import postgres

WINS = Verdict(wins=True, reason="it is better", details={"accuracy": 0.75, "champion": "x"})
LOSES = Verdict(wins=False, reason="it is worse", details={"accuracy": 0.25})


@pytest.fixture(autouse=True)
def _registered_model(own_store: Path) -> None:
    open_client().create_registered_model("digits")


def register() -> str:
    # Nobody loads it; a server takes no local path.
    return str(open_client().create_model_version("digits", source="s3://nowhere/model").version)


def aliases() -> dict[str, str]:
    return {k: str(v) for k, v in open_client().get_registered_model("digits").aliases.items()}


def tags(version: str | int) -> dict[str, str]:
    """Those of promotion, by the last part of their names."""
    found = open_client().get_model_version("digits", str(version)).tags
    prefix = "parnet_zoo.promotion."
    return {name.removeprefix(prefix): found[name] for name in found if name.startswith(prefix)}


def assign(version: str, verdict: Verdict = WINS, otherwise: Otherwise = "candidate") -> str | None:
    return assign_alias("digits", version, lambda _: verdict, otherwise=otherwise).alias


def back() -> RolledBack:
    return roll_back("digits", lambda _: None)


def models() -> list[str]:
    return [model.name for model in open_client().search_registered_models()]


def test_a_winner_is_champion_and_a_loser_is_candidate() -> None:
    assert aliases() == {}
    assert assign(register()) == "champion"
    assert aliases() == {"champion": "1"}
    assert assign(register(), LOSES) == "candidate"
    assert assign(register(), LOSES) == "candidate"
    assert aliases() == {"champion": "1", "candidate": "3"}


@pytest.mark.slow
def test_a_first_version_that_does_not_win_is_candidate() -> None:
    assert assign(register(), LOSES) == "candidate"
    assert aliases() == {"candidate": "1"}
    assert assign(register()) == "champion"
    assert aliases() == {"candidate": "1", "champion": "2"}


def test_a_better_version_takes_over_and_the_old_champion_stays_known() -> None:
    asked = []

    def better(champion: str | None) -> Verdict:
        asked.append(champion)
        return WINS

    for _ in range(3):
        assert assign_alias("digits", register(), better).alias == "champion"
    assert asked == [None, "1", "2"]
    assert aliases() == {"champion": "3", "previous": "2"}


@pytest.mark.slow
def test_asking_again_changes_nothing() -> None:
    version = register()
    for _ in range(2):
        assert assign(version) == "champion"
    assert aliases() == {"champion": "1"}
    assert assign(version, LOSES) == "champion"
    assert tags(1)["decision"] == "champion"


@pytest.mark.slow
def test_a_candidate_that_is_promoted_later_is_no_candidate_any_more() -> None:
    assign(register())
    second = register()
    assign(second, LOSES)
    assign_alias("digits", int(second), lambda _: WINS)
    assert aliases() == {"champion": "2", "previous": "1"}


def test_a_trial_becomes_candidate_where_no_version_has_an_alias_and_moves_none_later() -> None:
    assert assign(register(), LOSES, "candidate_if_free") == "candidate"
    assert assign(register(), LOSES, "candidate_if_free") is None
    assert aliases() == {"candidate": "1"}
    assign(register())
    assert assign(register(), LOSES, "candidate_if_free") is None
    assert aliases() == {"candidate": "1", "champion": "3"}


@pytest.mark.slow
def test_a_version_that_loses_by_hand_keeps_what_it_has() -> None:
    assign(register())
    second = register()
    assign(second, LOSES)
    third = register()
    assert assign(third, LOSES, "as_it_was") is None
    assert assign(second, LOSES, "as_it_was") == "candidate"
    assert aliases() == {"champion": "1", "candidate": "2"}


def test_the_decision_is_written_on_the_version_with_numbers_person_and_time() -> None:
    assign(register())
    assign(register())
    assign(register(), LOSES, "as_it_was")
    found = tags(2)
    assert found["decision"] == "champion"
    assert found["reason"] == "it is better"
    assert found["accuracy"] == "0.75"
    assert found["champion"] == "x"
    assert found["replaced"] == "1"
    assert found["by"]
    assert found["at"].endswith("+00:00")
    assert (tags(3)["decision"], tags(3)["accuracy"]) == ("none", "0.25")
    assign("3")
    assert tags(3)["decision"] == "champion"
    assign(register(), Verdict(wins=False, reason="r", details={"forced": "true"}))
    assign("4", LOSES)
    assert "forced" not in tags(4)  # that was said of an earlier decision


def test_a_rival_that_was_faster_is_who_must_be_beaten() -> None:
    assign(register())
    rival, ours = register(), register()
    asked: list[str | None] = []

    def better(champion: str | None) -> Verdict:
        asked.append(champion)
        if len(asked) == 1:  # while we compare, another process promotes its version
            assign(rival)
        return WINS if champion == "1" else LOSES

    assert assign_alias("digits", ours, better).alias == "candidate"
    assert asked == ["1", rival]
    assert aliases() == {"champion": rival, "previous": "1", "candidate": ours}


@pytest.mark.slow
def test_a_champion_that_never_holds_still_is_given_up() -> None:
    assign(register())
    rivals = [register(), register()]
    ours = register()

    def better(champion: str | None) -> Verdict:
        other = rivals[0] if champion != rivals[0] else rivals[1]
        open_client().set_registered_model_alias("digits", "champion", other)
        return WINS

    with pytest.raises(TrackingError, match="keeps changing: promote version 4 later"):
        assign_alias("digits", ours, better)
    assert models() == ["digits"]


@pytest.mark.slow
def test_what_does_not_exist_is_said() -> None:
    with pytest.raises(TrackingError, match="'digits' has no version 7"):
        assign("7")
    with pytest.raises(TrackingError, match="there is no registered model 'pets'"):
        assign_alias("pets", "1", lambda _: WINS)
    with pytest.raises(TrackingError, match="there is no registered model 'pets'"):
        roll_back("pets", lambda _: None)
    assert models() == ["digits"]


@pytest.mark.slow
def test_a_champion_that_was_deleted_is_no_champion() -> None:
    for _ in range(3):
        assign(register())
    open_client().delete_model_version("digits", "3")
    asked: list[str | None] = []

    def judge(champion: str | None) -> Verdict:
        asked.append(champion)
        return WINS

    decision = assign_alias("digits", register(), judge)
    assert (asked, decision.alias) == ([None], "champion")
    assert aliases()["champion"] == "4"


@pytest.mark.slow
def test_an_alias_of_a_deleted_version_that_the_store_kept_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assign(register())
    real = MlflowClient.get_registered_model

    def with_dead_alias(client: MlflowClient, name: str) -> object:
        model = real(client, name)
        model.aliases["champion"] = "99"
        return model

    monkeypatch.setattr(MlflowClient, "get_registered_model", with_dead_alias)
    decision = assign_alias("digits", register(), lambda champion: WINS if not champion else LOSES)
    assert decision.reason == "it is better (the champion, version 99, has been deleted)"


@pytest.mark.slow
def test_the_version_of_an_alias_can_be_asked() -> None:
    assert aliased_version("nothing", "champion") is None
    assert aliased_version("it's nothing", "champion") is None
    assign(register())
    assert aliased_version("digits", "champion") == "1"
    assert aliased_version("digits", "candidate") is None


def test_rollback_goes_further_back_each_time_and_never_forth() -> None:
    for _ in range(3):
        assign(register())
    assert back() == RolledBack("digits", champion="2", previous="1", rolled_back="3")
    assert aliases() == {"champion": "2", "previous": "1"}
    assert (tags(3)["decision"], tags(3)["reason"]) == ("rolled back", "rolled back to version 2")
    assert tags(2)["decision"] == "champion"
    assert back() == RolledBack("digits", champion="1", previous=None, rolled_back="2")
    assert aliases() == {"champion": "1"}
    with pytest.raises(TrackingError, match="no champion to go back to: version 1 is the first"):
        back()
    assert aliases() == {"champion": "1"}


@pytest.mark.slow
def test_a_version_that_was_rolled_back_can_be_promoted_again() -> None:
    assign(register())
    assign(register())
    back()
    assert assign("2") == "champion"
    assert aliases() == {"champion": "2", "previous": "1"}


@pytest.mark.slow
def test_rollback_undoes_a_way_in_circles_step_by_step() -> None:
    assign(register())
    assign(register())
    assign("1")
    assert aliases() == {"champion": "1", "previous": "2"}
    assert [back().champion, back().champion] == ["2", "1"]
    with pytest.raises(TrackingError, match="no champion to go back to"):
        back()


@pytest.mark.slow
def test_rollback_leaves_out_what_was_deleted() -> None:
    for _ in range(3):
        assign(register())
    open_client().delete_model_version("digits", "2")
    assert aliases() == {"champion": "3"}
    assert back().champion == "1"


@pytest.mark.slow
def test_rollback_finds_the_way_where_the_champion_itself_was_deleted() -> None:
    for _ in range(3):
        assign(register())
    open_client().delete_model_version("digits", "3")
    assert back() == RolledBack("digits", champion="2", previous="1", rolled_back=None)


@pytest.mark.slow
def test_an_alias_previous_that_was_moved_by_hand_counts() -> None:
    for _ in range(3):
        assign(register())
    open_client().set_registered_model_alias("digits", "previous", "1")
    assert back() == RolledBack("digits", champion="1", previous=None, rolled_back="3")


@pytest.mark.slow
def test_a_rollback_to_what_cannot_be_champion_changes_nothing() -> None:
    assign(register())
    assign(register())

    def check(version: str) -> None:
        raise TrackingError(f"version {version} is broken")

    with pytest.raises(TrackingError, match="version 1 is broken"):
        roll_back("digits", check)
    assert aliases() == {"champion": "2", "previous": "1"}


@pytest.mark.slow
def test_a_history_that_somebody_wrote_rubbish_into_is_no_danger() -> None:
    assign(register())
    assign(register())
    client = open_client()
    client.set_model_version_tag("digits", "2", "parnet_zoo.promotion.history", "x,-1,٣,../1,9,1")
    client.delete_registered_model_alias("digits", "previous")
    assert back().champion == "1"


# --- the claim ---


def test_a_claim_keeps_others_out_and_leaves_nothing() -> None:
    order = []
    with ThreadPoolExecutor() as pool:
        with promotion_claim("digits"):
            assert models() == ["digits", claim_name("digits")]

            def later() -> None:
                with promotion_claim("digits"):
                    order.append("second")

            waiting = pool.submit(later)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            order.append("first")
        waiting.result(timeout=60)
    assert order == ["first", "second"]
    assert models() == ["digits"]


@pytest.mark.slow
def test_claims_on_different_models_do_not_wait_for_each_other() -> None:
    with promotion_claim("digits"), promotion_claim("pets"), promotion_claim("d" * 250):
        assert len(models()) == 4
    assert models() == ["digits"]


@pytest.mark.slow
def test_an_error_gives_the_claim_back() -> None:
    with pytest.raises(KeyError), promotion_claim("digits"):
        raise KeyError
    assert models() == ["digits"]


def test_a_claim_whose_answer_was_lost_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MlflowClient.create_registered_model
    tries = []

    def twice(client: MlflowClient, *arguments: object, **options: object) -> object:
        tries.append(1)
        real(client, *arguments, **options)
        return real(client, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "create_registered_model", twice)
    with promotion_claim("digits"):
        pass
    assert len(tries) == 1
    assert models() == ["digits"]


def leave_claim(host: str, process: str) -> None:
    """What a promotion leaves that is killed between its first and its last request."""
    given = {claims.TOKEN_TAG: "t0", claims.HOST_TAG: host, claims.PROCESS_TAG: process}
    open_client().create_registered_model(claim_name("digits"), tags=given)


def gone() -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{done.stdout.strip()} 1"


@pytest.mark.slow
@pytest.mark.parametrize("boot", ["this start", "an earlier start"])
def test_the_claim_of_a_process_that_died_here_is_taken_at_once(
    boot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_GRACE_SECONDS", 0.05)
    here = Host.here()
    if boot == "an earlier start":
        if "-" in (here.machine, here.boot):
            pytest.skip("this machine has no id")
        here = Host(here.name, here.machine, "0" * 12, here.processes)
    leave_claim(str(here), gone())
    assert assign(register()) == "champion"
    assert models() == ["digits"]


@pytest.mark.slow
@pytest.mark.parametrize("host", ["elsewhere/a/b/c", "rubbish", ""])
def test_a_claim_of_another_host_is_taken_when_it_has_been_watched_for_its_lease(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(claims, "LEASE_SECONDS", 0.3)
    leave_claim(host, "1 1")
    assert assign(register()) == "champion"
    assert models() == ["digits"]


@pytest.mark.slow
def test_a_living_claim_is_waited_for_and_then_the_user_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "WAIT_SECONDS", 0.3)
    version = register()
    with (
        promotion_claim("digits"),
        pytest.raises(TrackingError, match="others have been promoting versions of 'digits'"),
    ):
        assign(version)
    assert models() == ["digits"]
    assert aliases() == {}


def test_who_saw_a_dead_claim_too_late_does_no_harm_to_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two find one dead claim; the second acts when the name stands for a new claim already."""
    client = open_client()
    leave_claim("elsewhere/a/b/c", "1 1")
    seen = client.get_registered_model(claim_name("digits"))
    client.rename_registered_model(claim_name("digits"), f"{claim_name('digits')} - t0")
    real = claims._Desk._look
    with promotion_claim("digits"):
        late = claims._Desk(client, "sqlite:///mlflow.db", "digits")
        monkeypatch.setattr(claims._Desk, "_look", lambda _: seen)  # it looked before
        late._clear_away(seen)
        monkeypatch.setattr(claims._Desk, "_look", real)
        assert claim_name("digits") in models()


@pytest.mark.slow
def test_dead_claims_whose_finder_died_are_swept_away(monkeypatch: pytest.MonkeyPatch) -> None:
    client = open_client()
    given = {claims.TOKEN_TAG: "t0"}
    client.create_registered_model(f"{claim_name('digits')} - t0", tags=given)
    client.create_registered_model(f"{claim_name('digits')} - mine")  # somebody's real model
    assign(register())
    assert f"{claim_name('digits')} - t0" in models()  # others may still know it
    monkeypatch.setattr(claims, "LEASE_SECONDS", -1.0)
    claims._Desk(client, "sqlite:///mlflow.db", "digits")._sweep()
    assert models() == ["digits", f"{claim_name('digits')} - mine"]


def test_an_owner_that_is_too_slow_writes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "WORK_SECONDS", -1.0)
    with pytest.raises(TrackingError, match="so slowly does the store answer"):
        assign(register())
    assert aliases() == {}
    assert models() == ["digits"]


# --- many at once ---


def contend(number: int, start: Barrier, value: dict[str, int]) -> Decision:
    def better(champion: str | None) -> Verdict:
        wins = champion is None or value[str(number)] > value[champion]
        return Verdict(wins, "compared", {"rival": champion})

    start.wait(60)
    return assign_alias("digits", number, better)


def check_history(decisions: list[Decision], value: dict[str, int]) -> None:
    """The champions must have followed each other, each better than the one that it replaced."""
    winners = [decision for decision in decisions if decision.changed]
    replaced = [decision.previous for decision in winners]
    assert len(set(replaced)) == len(replaced)  # nobody was beaten twice
    best = max(value, key=lambda version: value[version])
    assert aliases()["champion"] == best
    chain, at = [best], next(w for w in winners if w.version == best)
    while at.previous is not None:
        assert value[at.version] > value[at.previous]
        chain.append(at.previous)
        at = next(w for w in winners if w.version == at.previous)
    assert sorted(chain) == sorted(winner.version for winner in winners)
    assert aliases().get("previous") == (chain[1] if len(chain) > 1 else None)
    assert models() == ["digits"]


@pytest.mark.slow
def test_of_many_promotions_at_once_the_best_wins_and_each_champion_was_beaten_once() -> None:
    count = 6
    value = {register(): score for score in (3, 5, 1, 6, 2, 4)}
    start = Barrier(count)
    with ThreadPoolExecutor(count) as pool:
        asked = [pool.submit(contend, int(version), start, value) for version in value]
        check_history([each.result(120) for each in asked], value)


PROCESS = """
import json, sys, time
from pathlib import Path
from parnet_zoo.tracking.promotion import Verdict, assign_alias
number, value = sys.argv[1], json.loads(sys.argv[2])
def better(champion):
    return Verdict(champion is None or value[number] > value[champion], "compared")
import mlflow  # the slow part, before the start
Path(f"ready-{number}").touch()
while not Path("go").exists():
    time.sleep(0.002)
decision = assign_alias("digits", number, better)
print(json.dumps([decision.version, decision.alias, decision.previous, decision.changed]))
"""


def contend_in_processes(value: dict[str, int]) -> list[Decision]:
    command = [sys.executable, "-c", PROCESS]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    running = [
        subprocess.Popen(
            [*command, number, json.dumps(value)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in value
    ]
    deadline = time.monotonic() + 120
    while len(list(Path.cwd().glob("ready-*"))) < len(value) and time.monotonic() < deadline:
        time.sleep(0.05)
    Path("go").touch()
    decisions = []
    for process in running:
        said, _ = process.communicate(timeout=180)
        assert process.returncode == 0
        version, alias, previous, changed = json.loads(said)
        decisions.append(Decision("digits", version, alias, None, previous, changed, "", {}, {}))
    return decisions


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "server", "postgresql"])
def test_many_processes_at_the_very_same_instant(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path / "server")
    with ExitStack() as stack:
        stack.callback(server.kill)
        if store == "server":
            server.start()
            monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        if store == "postgresql":
            database = stack.enter_context(postgres())
            # SQLAlchemy 2.1 takes the plain address for one of psycopg 3.
            address = database.replace("postgresql://", "postgresql+psycopg2://", 1)
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        if store != "sqlite":
            open_client().create_registered_model("digits")
        value = {register(): score for score in (3, 5, 1, 6, 2, 4)}
        check_history(contend_in_processes(value), value)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.sampled_from(["new", "again", "back", "delete"]), max_size=8))
def test_whatever_is_done_rollback_undoes_promotions_like_a_stack(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    client = open_client()
    for model in models():
        client.delete_registered_model(model)
    client.create_registered_model("digits")
    stack: list[str] = []
    for step in steps:
        if step == "new" or not stack:
            version = register()
            assign(version)
            stack.append(version)
        elif step == "again" and len(stack) > 1 and stack[0] != stack[-1]:
            assign(stack[0])
            stack.append(stack[0])
        elif step == "back" and len(stack) > 1:
            stack.pop()
            assert back().champion == stack[-1]
        elif step == "delete" and len(stack) > 1 and stack[-2] not in (stack[-1], stack[0]):
            client.delete_model_version("digits", stack[-2])
            gone_version = stack[-2]
            stack = [version for version in stack if version != gone_version]
            stack = [v for i, v in enumerate(stack) if i == 0 or v != stack[i - 1]]
    assert aliases().get("champion") == (stack[-1] if stack else None)
