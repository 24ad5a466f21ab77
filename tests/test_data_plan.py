"""Which images are in a step is a pure function of the step's number."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from parnet_zoo.data.plan import BatchPlan

plans = st.tuples(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**60), st.data())


@given(plans)
@settings(max_examples=50, deadline=None)
def test_a_plan_is_a_pure_function_of_the_step(
    drawn: tuple[int, int, int, st.DataObject],
) -> None:
    images, batch_size, seed, data = drawn
    usable = np.array(
        sorted(data.draw(st.sets(st.integers(0, images - 1), min_size=1))), dtype=np.int64
    )

    def plan() -> BatchPlan:
        return BatchPlan(images, usable, batch_size=batch_size, seed=seed)

    walked = plan()
    steps = range(4 * walked.steps_per_epoch)
    batches = [walked.batch(step) for step in steps]
    for start in range(0, len(batches), walked.steps_per_epoch):
        epoch = np.concatenate(batches[start : start + walked.steps_per_epoch])
        assert sorted(epoch.tolist()) == usable.tolist()
    jumped = plan()
    for step in data.draw(st.permutations(steps)):
        np.testing.assert_array_equal(jumped.batch(step), batches[step])
        numbers = walked.uniforms(step, batches[step], stream=1, count=3)
        again = jumped.uniforms(step, batches[step], stream=1, count=3)
        np.testing.assert_array_equal(again, numbers)
        others = np.concatenate([batches[step], jumped.substitutes(step)])
        assert sorted(others.tolist()) == usable.tolist()


def test_order_and_numbers_are_those_of_the_first_release() -> None:
    """A seed that a recipe has must go on giving what it gave."""
    plan = BatchPlan(23, np.arange(23), batch_size=5, seed=7)
    assert plan.batch(0).tolist() == [7, 21, 9, 17, 2]
    np.testing.assert_allclose(
        plan.uniforms(0, plan.batch(0), stream=1, count=8)[0, :2],
        [0.00661035, 0.51665442],
        rtol=1e-6,
    )


def test_a_stream_is_not_changed_by_the_others() -> None:
    def plan() -> BatchPlan:
        return BatchPlan(9, np.arange(9), batch_size=4, seed=1)

    alone, together = plan(), plan()
    images = np.arange(9)
    first = alone.uniforms(0, images, stream=2, count=3)
    other = together.uniforms(0, images, stream=1, count=8)
    np.testing.assert_array_equal(together.uniforms(0, images, stream=2, count=3), first)
    assert not np.isin(first, other).any()
