"""Scaling specs: what fits, and what is derived from what."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import registry
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec
from parnet_zoo.networks.topology import topology
from parnet_zoo.recipe import RecipeError
from parnet_zoo.recipe.spec_file import load_spec
from parnet_zoo.recipe.yaml_text import yaml_text

S: dict[str, Any] = {"channels": [96, 192, 384], "final_channels": 1280}
EVEN = "an even number from 2 to 8192"

WRONG = [
    ("branches", 0, "the number 0 does not fit; it must be a whole number from 1 to 4"),
    ("branches", 5, "the number 5 does not fit; it must be a whole number from 1 to 4"),
    ("branches", True, "true does not fit; it must be a whole number from 1 to 4"),
    ("channels[1]", [96, 193, 384], f"the number 193 does not fit; it must be {EVEN}"),
    ("channels[0]", [10**70, 8, 8],
     f"a number of more than 60 digits does not fit; it must be {EVEN}"),
    ("channels", [], f"a list of 0 does not fit; it must be a list of 1 to 4, each {EVEN}"),
    ("channels", [8] * 5, f"a list of 5 does not fit; it must be a list of 1 to 4, each {EVEN}"),
    ("channels", 5, f"the number 5 does not fit; it must be a list of 1 to 4, each {EVEN}"),
    ("final_channels", 0, "the number 0 does not fit; it must be a whole number from 1 to 16384"),
    ("depth", [4, 5], "2 given for 3 branches; one number for each branch is needed"),
    ("depth[1]", [4, 0, 5], "the number 0 does not fit; it must be a whole number from 1 to 64"),
    ("stem", "x", 'the text "x" does not fit; it must be one of imagenet, small'),
    ("stem", "imagenett",
     'the text "imagenett" does not fit; did you mean imagenet? it must be one of imagenet, small'),
    ("activation", "tanh", 'the text "tanh" does not fit; it must be one of silu, relu'),
    ("dropout", 1.5, "the number 1.5 does not fit; it must be a number of at least 0 and below 1"),
    ("dropout", float("nan"),
     "the number nan does not fit; it must be a number of at least 0 and below 1"),
    ("dropout", "0.5",
     'the text "0.5" does not fit; it must be a number of at least 0 and below 1, without quotes'),
    ("in_channels", 65, "the number 65 does not fit; it must be a whole number from 1 to 64"),
    ("resolution", 100,
     "100 pixels do not fit; this network takes multiples of 32, the nearest are 96 and 128"),
    ("resolution", 8, "8 pixels do not fit; this network takes multiples of 32, the nearest is 32"),
    ("resolution", 10**70,
     "a number of more than 60 digits does not fit; it must be a whole number from 8 to 4096"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "message"), WRONG)
def test_a_spec_that_cannot_be_built_says_what_fits_wherever_it_comes_from(
    field: str, value: Any, message: str, tmp_path: Path
) -> None:
    change = {field.partition("[")[0]: value}
    with pytest.raises(registry.SpecError) as scaled:
        registry.get("parnet_s").scaled(**change)
    assert str(scaled.value) == f"parnet_s: {field}: {message}"

    data = {"family": "parnet", "name": "mine", "scaling": {**S, **change}}
    with pytest.raises(registry.SpecError) as mapped:
        registry.from_mapping(data)
    assert str(mapped.value) == f"mine: scaling.{field}: {message}"

    (tmp_path / "net.yaml").write_text(yaml_text(data))
    with pytest.raises(RecipeError) as read:
        load_spec(tmp_path / "net.yaml")
    [problem] = read.value.problems
    assert (problem.field, problem.message) == (f"scaling.{field}", message)

    with pytest.raises(ValidationError):
        ScalingSpec.model_validate({**S, **change})


@pytest.mark.parametrize(
    ("branches", "stem", "stride", "depth"),
    [
        (1, "imagenet", 8, 8),
        (2, "imagenet", 16, 11),
        (3, "imagenet", 32, 12),
        (4, "imagenet", 64, 13),
        (3, "small", 8, 12),
    ],
)
def test_stride_and_depth_follow_from_the_branches(
    branches: int, stem: str, stride: int, depth: int
) -> None:
    spec = registry.get("parnet_s").scaled(branches=branches, stem=stem, resolution=256)
    assert (spec.stride, spec.depth) == (stride, depth)


def test_scaling_the_width_rounds_to_multiples_of_eight_and_names_the_result() -> None:
    spec = registry.get("parnet_xl").scaled(width=1.25, branches=4, resolution=320)
    assert (spec.stride, spec.depth) == (64, 13)
    assert spec.widths == (248, 496, 992, 1984, 4000)
    assert spec.name == "parnet_xl+w1.25+b4+r320"
    assert spec.source == "derived from parnet_xl"


@pytest.mark.parametrize(
    ("multiple", "widths", "name"),
    [
        (8, (120, 240, 480, 1600), "parnet_s+w1.25"),
        (16, (128, 240, 480, 1600), "parnet_s+w1.25m16"),
        (2, (120, 240, 480, 1600), "parnet_s+w1.25m2"),
        (256, (256, 256, 512, 1536), "parnet_s+w1.25m256"),
    ],
)
def test_widths_are_rounded_to_a_stated_multiple(
    multiple: int, widths: tuple[int, ...], name: str
) -> None:
    spec = registry.get("parnet_s").scaled(width=1.25, multiple=multiple)
    assert (spec.widths, spec.name) == (widths, name)


def test_the_multiple_says_nothing_where_no_width_is_scaled() -> None:
    spec = registry.get("parnet_s_release")
    assert spec.scaled(multiple=64) is spec


def test_derived_branches_double_their_widths_and_take_the_published_depths() -> None:
    spec = registry.get("parnet_s", ParNetSpec)
    four = spec.scaled(branches=4, resolution=256).scaling
    assert four.channels == (96, 192, 384, 768)
    assert four.depth == (4, 5, 5, 5)
    assert four.final_channels == 1280
    two = spec.scaled(branches=2)
    assert (two.scaling.depth, two.scaled(branches=3).scaling.depth) == ((4, 5), (4, 5, 5))


def test_depths_of_ones_own_stay_when_branches_come_and_go() -> None:
    spec = registry.get("parnet_s", ParNetSpec).scaled(depth=(1, 2, 3))
    assert spec.scaled(width=2).scaling.depth == (1, 2, 3)
    assert spec.scaled(branches=2).scaling.depth == (1, 2)
    assert spec.scaled(branches=4, resolution=256).scaling.depth == (1, 2, 3, 3)
    assert spec.scaled(branches=2, depth=(7, 7)).scaling.depth == (7, 7)


def test_branches_need_not_be_said_where_the_channels_are() -> None:
    assert ScalingSpec(channels=(8, 16), final_channels=8).branches == 2
    with pytest.raises(ValidationError, match="2 given for 3 branches"):
        ScalingSpec(channels=(8, 16), branches=3, final_channels=8)


def test_nothing_changed_is_the_same_spec() -> None:
    spec = registry.get("parnet_m")
    assert spec.scaled() is spec
    assert spec.scaled(resolution=224) is spec


FACTOR = "it must be a number above 0 and at most 64"
NAME = (
    "it must be a name of at most 120 characters: a small letter, then small letters, digits,"
    " '_', '.', '+' and '-'"
)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"width": -1}, f"width: the number -1 does not fit; {FACTOR}"),
        ({"width": "wide"}, f'width: the text "wide" does not fit; {FACTOR}'),
        ({"width": float("nan")}, f"width: the number nan does not fit; {FACTOR}"),
        ({"width": 10**5000}, f"width: a number of more than 60 digits does not fit; {FACTOR}"),
        ({"width": 2, "multiple": 7},
         "multiple: the number 7 does not fit; it must be an even number from 2 to 256"),
        ({"name": "My Net"}, f'name: the text "My Net" does not fit; {NAME}'),
        ({"name": ""}, f'name: the text "" does not fit; {NAME}'),
        ({"name": "a" * 121}, f'name: the text "{"a" * 60}..." does not fit; {NAME}'),
        ({"name": "a__b"}, 'name: the text "a__b" does not fit: there is no double underscore in a'
         " name; use '_' as in parnet_s"),
        ({"widht": 2}, "widht: parnet has no such setting; did you mean width?"),
        ({"seed": 2}, "seed: parnet has no such setting; it has width, multiple, branches,"
         " channels, final_channels, depth, stem, activation, dropout, in_channels, resolution"),
        ({"channels": None}, "channels: null does not fit; it must be a list of 1 to 4, each "
         + EVEN),
        ({"branches": 4},
         "resolution: 224 pixels do not fit; this network takes multiples of 64, the nearest are"
         " 192 and 256"),
        ({"width": 90}, f"width: the number 90 does not fit; {FACTOR}"),
        ({"width": 30, "final_channels": 8},
         f"channels[2]: the number 11520 does not fit; it must be {EVEN}"),
    ],
)  # fmt: skip
def test_what_cannot_be_scaled_is_a_spec_error_of_one_line(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(registry.SpecError) as caught:
        registry.get("parnet_s").scaled(**changes)
    assert str(caught.value) == f"parnet_s: {sentence}"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"width": 1.25}, "parnet_s+w1.25"),
        ({"width": 1.25, "multiple": 8}, "parnet_s+w1.25"),
        ({"width": 1.25, "multiple": 32}, "parnet_s+w1.25m32"),
        ({"width": 1.25, "final_channels": 1000}, "parnet_s+w1.25+f1000"),
        ({"width": 2, "channels": (8, 16, 32)}, "parnet_s+w2+c8-16-32"),
        ({"branches": 2, "resolution": 64}, "parnet_s+b2+r64"),
        ({"channels": (96, 192), "resolution": 64}, "parnet_s+b2+r64"),
        ({"channels": (8, 32)}, "parnet_s+b2+c8-32"),
        ({"branches": 2, "depth": (1, 2)}, "parnet_s+b2+d1-2"),
        ({"depth": (4, 4, 4), "activation": "relu"}, "parnet_s+d4-4-4+relu"),
        ({"dropout": 0.2, "in_channels": 1, "stem": "small"}, "parnet_s+stem-small+drop0.2+in1"),
    ],
)
def test_a_derived_name_tells_what_changed(changes: dict[str, Any], name: str) -> None:
    assert registry.get("parnet_s").scaled(**changes).name == name


even = st.integers(1, 64).map(lambda half: 2 * half)
scalings = st.integers(1, 4).flatmap(
    lambda branches: st.fixed_dictionaries(
        {"branches": st.just(branches)},
        optional={
            "width": st.sampled_from([0.5, 1.25, 1.2500001, 2, 1 / 3]),
            "multiple": st.sampled_from([2, 8, 16, 64]),
            "channels": st.tuples(*[st.sampled_from([8, 96, 192, 384]) | even] * branches),
            "final_channels": st.sampled_from([1000, 1280, 1600]),
            "depth": st.tuples(*[st.integers(3, 6)] * branches),
            "stem": st.sampled_from(["imagenet", "small"]),
            "activation": st.sampled_from(["silu", "relu"]),
            "dropout": st.sampled_from([0.0, 0.1, 0.1000001]),
            "in_channels": st.sampled_from([1, 3]),
            "resolution": st.sampled_from([64, 192, 224, 256]),
        },
    )
)


@given(
    st.lists(scalings, min_size=2, max_size=12),
    st.sampled_from(["parnet_s", "p" * 90, "p" * 120]),
)
@settings(deadline=None)
def test_different_scalings_of_one_spec_have_different_names(
    changes: list[dict[str, Any]], base: str
) -> None:
    spec = registry.get("parnet_s").model_copy(update={"name": base})
    names: dict[str, ScalingSpec] = {}
    for change in changes:
        try:
            derived = spec.scaled(**change)
        except registry.SpecError:  # a resolution that does not fit
            continue
        assert isinstance(derived, ParNetSpec)
        assert len(derived.name) <= 120
        assert names.setdefault(derived.name, derived.scaling) == derived.scaling


def test_a_resolution_that_does_not_fit_has_a_nearest_one_that_does() -> None:
    spec = registry.get("parnet_s")
    assert spec.fits(192)
    assert not spec.fits(200)
    assert [spec.nearest_resolution(size) for size in (1, 200, 215)] == [32, 192, 224]
    with pytest.raises(registry.SpecError, match="multiples of 32, not 200; the nearest is 192"):
        spec.cost(resolution=200)


def test_the_test_network_is_tiny_and_has_the_levels_that_detectors_need() -> None:
    spec = registry.get("parnet_test", ParNetSpec)
    assert spec.hidden
    assert spec.cost(num_classes=1000).parameters < 300_000
    assert {2, 3, 4, 5} <= set(topology(spec.scaling).pyramid)
