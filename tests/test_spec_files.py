"""Specs as plain data, in YAML files and in recipes: no Python needed, and no code named."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import registry
from parnet_zoo.networks.spec import ParNetSpec
from parnet_zoo.recipe import RecipeError, dump_spec, load_recipe, load_spec, shipped_recipes
from tests.conftest import Done

SHORT = """\
family: parnet
name: mine
scaling:
  channels: [24, 48]
  final_channels: 96
"""
DERIVED = """\
base: parnet_s
scaling:
  width: 1.25
  branches: 4
resolution: 320
"""
RECIPE = """\
name: pets
epochs: 1
model:
  spec: net.yaml
  resolution: 64
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a spec file and a recipe that names it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(SHORT)
    (tmp_path / "pets.yaml").write_text(RECIPE)
    return tmp_path


def lines_of(error: pytest.ExceptionInfo[RecipeError]) -> list[str]:
    return str(error.value).splitlines()


# --- the two forms


def test_a_short_form_has_the_defaults_for_the_rest() -> None:
    spec = registry.from_mapping(yaml.safe_load(SHORT))
    assert isinstance(spec, ParNetSpec)
    assert spec.name == "mine"
    assert spec.scaling.model_dump() == {
        "branches": 2, "channels": (24, 48), "final_channels": 96, "depth": (4, 5),
        "stem": "imagenet", "activation": "silu", "dropout": 0.0, "in_channels": 3,
        "resolution": 224,
    }  # fmt: skip
    assert (spec.builder, spec.coster) == ("parnet_zoo.networks.parnet:build",
                                           "parnet_zoo.networks.cost:cost")  # fmt: skip


@pytest.mark.parametrize("place", ["top", "scaling", "both"])
def test_the_resolution_is_said_once_or_twice_the_same(place: str) -> None:
    data = yaml.safe_load(SHORT)
    if place != "scaling":
        data["resolution"] = 96
    if place != "top":
        data["scaling"]["resolution"] = 96
    spec = registry.from_mapping(data)
    assert isinstance(spec, ParNetSpec)
    assert (spec.resolution, spec.scaling.resolution) == (96, 96)


def test_two_resolutions_are_refused() -> None:
    data = {**yaml.safe_load(SHORT), "resolution": 96}
    data["scaling"]["resolution"] = 64
    with pytest.raises(registry.SpecError) as caught:
        registry.from_mapping(data)
    assert str(caught.value) == (
        "mine: resolution 96 differs from scaling.resolution 64; give it once"
    )


def test_a_derived_form_is_what_scaled_gives() -> None:
    spec = registry.from_mapping(yaml.safe_load(DERIVED))
    assert spec == registry.get("parnet_s").scaled(width=1.25, branches=4, resolution=320)
    assert spec.name == "parnet_s+w1.25+b4+r320"
    named = registry.from_mapping({**yaml.safe_load(DERIVED), "name": "mine"})
    assert named == spec.model_copy(update={"name": "mine"})


def test_a_derived_form_works_for_every_family() -> None:
    for base in ("parnet_blog_s", "resnet50"):
        spec = registry.from_mapping({"base": base, "name": "mine", "resolution": 320})
        assert (spec.name, spec.resolution) == ("mine", 320)
        assert type(spec) is type(registry.get(base))
    assert registry.from_mapping({"base": "resnet50"}) is registry.get("resnet50")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"base": "parnt_s"},
         "this spec: base: no backbone is called 'parnt_s'; did you mean parnet_s or "),
        ({"base": "two\nlines"}, r"this spec: base: no backbone is called 'two\nlines'; "),
        ({"base": "x" * 10**5}, f"this spec: base: no backbone is called '{'x' * 60}...'; "),
        ({"base": "parnet_s", "scaling": [2]},
         "this spec: scaling: a list of 1 does not fit; it must be a section whose keys are texts"),
        ({"base": 5}, "this spec: base: the number 5 does not fit; it must be the name of a"
         " registered backbone"),
        ({"base": "parnet_s", "widht": 2}, "this spec: widht: unknown key; allowed"
         " here: base, name, resolution, scaling"),
        ({"base": "parnet_s", "scaling": {"widht": 2}},
         "parnet_s: scaling.widht: parnet has no such setting; did you mean width?"),
        ({"base": "parnet_s", "scaling": {"self": 2}},
         "parnet_s: scaling: the family 'parnet' is not scaled so: multiple values for argument"),
        ({"base": "parnet_s", "scaling": {"resolution": 64}},
         "parnet_s: scaling.resolution: it stands beside scaling, not in it"),
        ({"base": "parnet_s", "name": "mine", "scaling": {"channels": [7]}},
         "mine: scaling.channels[0]: the number 7 does not fit; it must be an even number"),
        ({"base": "parnet_s", "resolution": 100}, "parnet_s: resolution: 100 pixels do not fit"),
        ({"base": "resnet50", "scaling": {"width": 2}},
         "resnet50: scaling.width: the family 'baseline' cannot be scaled; "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_derived_form_is_said_at_its_field(
    data: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(registry.SpecError) as caught:
        registry.from_mapping(data)
    assert str(caught.value).startswith(sentence)


class WordySpec(registry.BackboneSpec):
    """A family whose `scaled` knows one word."""

    family: str = "wordy"
    builder: str = "some:thing"

    def scaled(self, *, width: int = 1) -> WordySpec:  # type: ignore[override]  # as plugins may
        return self.model_copy(update={"name": f"{self.name}+w{width}"})


def test_a_family_that_scales_by_fewer_words_says_so() -> None:
    with registry.temporary():
        registry.register(WordySpec(name="wordy_s"))
        data: dict[str, Any] = {"base": "wordy_s", "scaling": {"width": 2}}
        assert registry.from_mapping(data).name == "wordy_s+w2"
        with pytest.raises(registry.SpecError) as caught:
            registry.from_mapping({"base": "wordy_s", "scaling": {"branches": 2}})
    assert str(caught.value) == (
        "wordy_s: scaling: the family 'wordy' is not scaled so: got an unexpected keyword argument"
        " 'branches'"
    )


# --- families, and the code that a spec does not bring


def test_families_are_known_with_their_spec_classes() -> None:
    families = registry.families()
    assert list(families) == sorted(families)
    assert families["parnet"] is ParNetSpec
    assert {"parnet", "parnet_blog", "baseline"} <= set(families)


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ("parnte", 'the text "parnte" is no family; did you mean parnet'),
        ("vgg", 'the text "vgg" is no family; families: '),
        (7, "the number 7 is no family; families: "),
        (None, "null is no family; families: "),
    ],
)
def test_an_unknown_family_gets_the_nearest_and_all(family: object, words: str) -> None:
    with pytest.raises(registry.SpecError) as caught:
        registry.from_mapping({"family": family, "name": "mine"})
    assert str(caught.value).startswith(f"mine: family: {words}")
    assert "parnet_blog" in str(caught.value)


@pytest.mark.parametrize("data", [{}, {"name": "mine"}, {"scaling": {}}])
def test_without_a_family_both_ways_to_go_on_are_told(data: dict[str, Any]) -> None:
    with pytest.raises(registry.SpecError, match=r"family: this key is missing.*or else give base"):
        registry.from_mapping(data)


@pytest.mark.parametrize("data", [None, 5, "parnet_s", [], b"x", ParNetSpec])
def test_what_is_no_mapping_is_no_spec(data: Any) -> None:
    with pytest.raises(registry.SpecError, match="a spec is a section with keys of its own, not"):
        registry.from_mapping(data)


@pytest.mark.parametrize("key", ["builder", "coster"])
@pytest.mark.parametrize(
    "code", ["os:system", "parnet_zoo.networks.blog.network:build", "", None, 5, ["os:system"]]
)
def test_a_spec_never_brings_code(key: str, code: object) -> None:
    with pytest.raises(registry.SpecError) as caught:
        registry.from_mapping({**yaml.safe_load(SHORT), key: code})
    assert f"mine: {key}: " in str(caught.value)
    assert str(caught.value).endswith(
        "does not fit; a spec names no code, so leave it out: the family parnet has its own"
    )


def test_the_familys_own_code_may_be_written_down() -> None:
    own = {key: getattr(registry.get("parnet_s"), key) for key in ("builder", "coster")}
    data = yaml.safe_load(SHORT)
    assert registry.from_mapping({**data, **own}) == registry.from_mapping(data)


@pytest.mark.parametrize(
    "data",
    [
        {"base": "parnet_s", "name": "parnet_s", "scaling": {"width": 2}},
        {"base": "parnet_m", "name": "parnet_s"},
        {**yaml.safe_load(SHORT), "name": "parnet_s"},
        {**yaml.safe_load(SHORT), "name": "resnet50"},
    ],
)
def test_another_network_does_not_go_by_a_registered_name(data: dict[str, Any]) -> None:
    words = "is a registered network and this is another; give it another name"
    with pytest.raises(registry.SpecError, match=rf"^{data['name']} {words}$") as caught:
        registry.from_mapping(data)
    assert [problem.path for problem in caught.value.problems] == [("name",)]


def test_a_registered_network_keeps_its_name_whatever_is_said_about_it() -> None:
    data = {**registry.get("parnet_s").model_dump(mode="json"), "source": "my own words"}
    assert registry.from_mapping(data).source == "my own words"


def test_factors_on_widths_belong_to_a_derived_spec() -> None:
    words = (
        "x: scaling.width: width and multiple only belong to a derived spec, which has `base` in"
        " place of `family`, such as `base: parnet_"
    )
    scaling = {"width": 2, "multiple": 4}
    with pytest.raises(registry.SpecError, match=f"^{words}"):
        registry.from_mapping({"family": "parnet", "name": "x", "scaling": scaling})


def test_a_family_whose_class_names_no_code_has_that_of_its_members() -> None:
    def plain(name: str, builder: str) -> registry.BackboneSpec:
        return registry.BackboneSpec(name=name, family="plain", builder=builder)

    with registry.temporary():
        registry.register(plain("plain_a", "first:build"))
        assert registry.from_mapping({"family": "plain", "name": "x"}) == plain("x", "first:build")
        registry.register(plain("plain_b", "second:build"))
        second = {"family": "plain", "name": "x", "builder": "second:build"}
        assert registry.from_mapping(second) == plain("x", "second:build")
        with pytest.raises(registry.SpecError, match="take one of first:build, second:build"):
            registry.from_mapping({"family": "plain", "name": "x"})
        with pytest.raises(registry.SpecError, match="a spec names no code"):
            registry.from_mapping({**second, "builder": "third:build"})


# --- round trips


def test_every_registered_spec_round_trips_through_json_and_yaml(tmp_path: Path) -> None:
    for name in registry.names(hidden=True):
        spec = registry.get(name)
        assert registry.from_mapping(json.loads(spec.model_dump_json())) == spec
        assert registry.from_mapping(yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))) \
            == spec  # fmt: skip
        text = dump_spec(spec)
        assert "builder" not in text
        (tmp_path / "spec.yaml").write_text(text)
        assert load_spec(tmp_path / "spec.yaml") == spec
        assert registry.from_mapping(yaml.safe_load(text)) == spec


@st.composite
def specs(draw: st.DrawFn) -> ParNetSpec:
    branches = draw(st.integers(1, 4))

    def one_for_each(least: int, most: int, factor: int = 1) -> st.SearchStrategy[list[int]]:
        numbers = st.integers(least, most).map(lambda number: factor * number)
        return st.lists(numbers, min_size=branches, max_size=branches)

    stem = draw(st.sampled_from(["imagenet", "small"]))
    stride = (4 if stem == "imagenet" else 1) << branches
    resolution = stride * draw(st.integers(max(1, -(-8 // stride)), 4096 // stride))
    return ParNetSpec.model_validate(
        {
            "name": draw(st.from_regex(r"[a-z][a-z0-9.+-]{0,20}", fullmatch=True)),
            "source": draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20)),
            "hidden": draw(st.booleans()),
            "scaling": {
                "branches": branches,
                "channels": draw(one_for_each(1, 4096, factor=2)),
                "final_channels": draw(st.integers(1, 16384)),
                "depth": draw(one_for_each(1, 64)),
                "stem": stem,
                "activation": draw(st.sampled_from(["silu", "relu"])),
                "dropout": draw(st.floats(0, 1, exclude_max=True)),
                "in_channels": draw(st.integers(1, 64)),
                "resolution": resolution,
            },
        }
    )


@settings(max_examples=60, deadline=None)
@given(spec=specs())
def test_any_spec_round_trips(spec: ParNetSpec) -> None:
    assert registry.from_mapping(spec.model_dump()) == spec
    assert registry.from_mapping(json.loads(spec.model_dump_json())) == spec
    assert registry.from_mapping(yaml.safe_load(dump_spec(spec))) == spec


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([10**70, "parnet", "parnet_s", "os:system", [24, 48], 224]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)  # fmt: skip
KEYS = st.sampled_from(
    ["family", "name", "base", "scaling", "resolution", "builder", "coster", "hidden", "paper",
     "published", "source", "limits", "architecture"]
) | st.text(max_size=5) | st.integers()  # fmt: skip
SCALINGS = st.dictionaries(
    st.sampled_from([*ParNetSpec.model_fields["scaling"].annotation.model_fields, "width", "self"]),  # type: ignore[union-attr]  # it is a model
    VALUES,
    max_size=5,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    data=st.dictionaries(KEYS, VALUES, max_size=5),
    seed=st.sampled_from(
        [{}, {"family": "parnet"}, {"family": "parnet_blog"}, {"family": "baseline"},
         {"base": "parnet_s"}, {"base": "resnet50"}, yaml.safe_load(SHORT)]
    ),
    scaling=st.none() | SCALINGS,
)  # fmt: skip
def test_no_mapping_is_more_than_a_spec_error_of_one_line(
    data: dict[Any, Any], seed: dict[str, Any], scaling: dict[str, Any] | None
) -> None:
    more = {} if scaling is None else {"scaling": scaling}
    told = ""
    try:
        registry.from_mapping({**seed, **data, **more})
    except registry.SpecError as error:
        told = str(error)
    assert "\n" not in told
    assert "Input should" not in told  # pydantic's words


@pytest.mark.parametrize("key", ["family", "name", "base", "scaling", "resolution", "builder"])
def test_a_number_that_python_does_not_print_is_a_spec_error_too(key: str) -> None:
    forms: list[dict[str, Any]] = [{}, yaml.safe_load(SHORT)]
    for data in forms:
        with pytest.raises(registry.SpecError):
            registry.from_mapping({**data, key: 10**5000})


# --- the schema


def test_the_schema_has_an_alternative_for_every_family_and_one_for_derived_specs() -> None:
    schema = registry.schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    names = [choice["$ref"].removeprefix("#/$defs/") for choice in schema["oneOf"]]
    assert names == [*registry.families(), "Derivation"]
    assert schema["discriminator"]["propertyName"] == "family"
    for family, reference in schema["discriminator"]["mapping"].items():
        own = schema["$defs"][reference.removeprefix("#/$defs/")]
        assert own["properties"]["family"] == {"const": family}
        assert own["additionalProperties"] is False
        assert {"family", "name"} <= set(own["required"])
        assert not {"builder", "coster"} & set(own["required"])


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(references, node.values()))


def test_the_schema_refers_to_nothing_that_it_does_not_hold() -> None:
    with registry.temporary():
        registry.register(TwinSpec(name="twin_s", scaling=TwinSpec.ScalingSpec(size=3)))
        schema = registry.schema()
    held = {f"#/$defs/{name}" for name in schema["$defs"]}
    assert references(schema) <= held
    parnet = schema["$defs"]["parnet"]["properties"]["scaling"]["$ref"]
    twin = schema["$defs"]["twin"]["properties"]["scaling"]["$ref"]
    assert parnet != twin
    assert list(schema["$defs"][twin.removeprefix("#/$defs/")]["properties"])[-1] == "size"


class TwinSpec(registry.BackboneSpec):
    """A family whose parts are called as ParNet's are."""

    class ScalingSpec(registry.PublishedResult):
        top1: float = 1.0
        size: int

    family: str = "twin"
    builder: str = "some:thing"
    scaling: ScalingSpec


class OpaqueSpec(registry.BackboneSpec):
    """A family with a field that JSON Schema has no words for."""

    family: str = "opaque"
    builder: str = "some:thing"
    hook: Callable[[], None] | None = None


def test_a_family_without_a_schema_of_its_own_does_not_hide_the_others() -> None:
    with registry.temporary():
        registry.register(OpaqueSpec(name="opaque_s"))
        opaque = registry.schema()["$defs"]["opaque"]
        assert opaque["properties"]["family"] == {"const": "opaque"}
        assert opaque["required"] == ["family", "name"]
        with pytest.raises(registry.SpecError, match="name: this key is missing"):
            registry.from_mapping({"family": "opaque"})


# --- files


def test_a_spec_file_is_read_from_a_path(folder: Path) -> None:
    assert load_spec("net.yaml") == registry.from_mapping(yaml.safe_load(SHORT))
    assert load_spec(folder / "net.yaml") == load_spec("net.yaml")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (SHORT.replace("48", "47").replace("final_ch", "finl_ch"),
         ["net.yaml:4:18 scaling.channels[1]: the number 47 does not fit; it must be an even number"
          " from 2 to 8192",
          "net.yaml:5:3 scaling.finl_channels: unknown key; did you mean final_channels?"]),
        (SHORT.replace("48", '"48"'),
         ['net.yaml:4:18 scaling.channels[1]: the text "48" does not fit; it must be an even number'
          " from 2 to 8192, without quotes"]),
        (SHORT + "resolution: 100\n",
         ["net.yaml:6:13 resolution: 100 pixels do not fit; this network takes multiples of 16, the"
          " nearest are 96 and 112"]),
        (SHORT + "resolution: 9999\n",
         ["net.yaml:6:13 resolution: the number 9999 does not fit; it must be a whole number from 8"
          " to 4096"]),
        (SHORT + "builder: os:system\n",
         ['net.yaml:6:10 builder: the text "os:system" does not fit; a spec names no code, so leave'
          " it out: the family parnet has its own"]),
        (SHORT.replace("parnet", "parnett"),
         ['net.yaml:1:9 family: the text "parnett" is no family; did you mean parnet? families:'
          " baseline, "]),
        (SHORT.replace("name: mine\n", ""),
         ["net.yaml:1:1 name: this key is missing; it must be a name of at most 120 characters"]),
        (DERIVED.replace("width", "widht"),
         ["net.yaml:3:3 scaling.widht: parnet has no such setting; did you mean width?"]),
        (DERIVED.replace("320", "300"),
         ["net.yaml:5:13 resolution: 300 pixels do not fit; this network takes multiples of 64, the"
          " nearest are 256 and 320"]),
        ("base: &a parnet_s\nname: *a\n",
         ["net.yaml:2:7 name: aliases (*name) are not allowed; write the value out"]),
        ("- 1\n", ["net.yaml:1:1: a list of 1 found; a spec needs the keys family and name, or"]),
        ("", ["net.yaml:1:1: the file is empty; a spec needs the keys family and name, or base"]),
        ("!!python/object/apply:os.system [touch owned]",
         ["net.yaml:1:1: tags (!!python/object/apply:os.system) are not allowed; remove it"]),
        ("a: [", ["net.yaml:1:5: not valid YAML: "]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_spec_file_is_said_with_line_and_column(
    folder: Path, text: str, lines: list[str]
) -> None:
    (folder / "net.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_spec("net.yaml")
    found = lines_of(caught)
    assert [line[: len(start)] for line, start in zip(found, lines, strict=True)] == lines
    with pytest.raises(RecipeError) as in_a_recipe:
        load_recipe("pets.yaml")
    assert lines_of(in_a_recipe) == found
    assert not (folder / "owned").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere.yaml", "there is no such file"), (".", "is a folder; give a spec file in YAML"),
     ("~nobody-at-all/net.yaml", "there is no such file"), ("a\0b.yaml", "")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_line(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_spec(name)
    assert len(lines_of(caught)) == 1
    assert reason in str(caught.value)


# --- recipes


def test_a_recipe_names_a_spec_file_beside_it(folder: Path) -> None:
    (folder / "recipes").mkdir()
    for name in ("net.yaml", "pets.yaml"):
        (folder / name).rename(folder / "recipes" / name)
    spec = load_recipe("recipes/pets.yaml").recipe.spec()
    assert (spec.name, spec.widths, spec.resolution) == ("mine+r64", (24, 48, 96), 64)


def test_the_recipes_scaling_applies_on_top(folder: Path) -> None:
    (folder / "pets.yaml").write_text(RECIPE + "  scaling: {width: 2}\n")
    assert load_recipe("pets.yaml").recipe.spec().widths == (48, 96, 192)


def test_what_is_logged_repeats_the_run_without_the_file(folder: Path) -> None:
    recipe = load_recipe("pets.yaml").recipe
    assert recipe.model.spec == yaml.safe_load(SHORT)
    assert recipe.flattened()["model.spec.scaling.channels"] == "[24, 48]"
    (folder / "net.yaml").unlink()
    (folder / "logged.yaml").write_text(recipe.to_yaml())
    again = load_recipe("logged.yaml").recipe
    assert (again, again.digest, again.spec()) == (recipe, recipe.digest, recipe.spec())


def test_a_spec_stands_in_the_recipe_itself(folder: Path) -> None:
    inline = SHORT.replace("\n", "\n    ")
    (folder / "pets.yaml").write_text(f"name: pets\nepochs: 1\nmodel:\n  spec:\n    {inline}")
    assert load_recipe("pets.yaml").recipe.spec() == load_spec("net.yaml")
    (folder / "pets.yaml").write_text(
        f"name: pets\nepochs: 1\nmodel:\n  spec:\n    {inline.replace('48', '47')}"
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe("pets.yaml")
    assert lines_of(caught) == [
        "pets.yaml:8:22 model.spec.scaling.channels[1]: the number 47 does not fit; it must be an"
        " even number from 2 to 8192"
    ]


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("spec: net.yaml, name: parnet_s",
         "pets.yaml:3:15 model.spec: model.name says which network too; keep one of the two"),
        ("resolution: 64",
         "pets.yaml:3:1 model.name: this key is missing; it must be the name of a registered"
         " backbone, or give model.spec"),
        ("spce: net.yaml", "pets.yaml:3:9 model.spce: unknown key; did you mean spec?"),
        ("spec: nowhere.yaml",
         "pets.yaml:3:15 model.spec: nowhere.yaml: there is no such file"),
        ("spec: 5",
         "pets.yaml:3:15 model.spec: the number 5 does not fit; it must be a path of a spec file,"
         " or a spec"),
        ("spec: {}", "pets.yaml:3:9 model.spec.family: this key is missing; it must be one of"),
        ("spec: net.yaml, resolution: 100",
         "pets.yaml:3:37 model.resolution: 100 pixels do not fit; mine takes multiples of 16, the"
         " nearest are 96 and 112"),
        ("spec: net.yaml, freeze: [stem, stream_7]", "pets.yaml:3:40 model.freeze[1]: "),
        ("spec: {base: *x}",
         "pets.yaml:3:22 model.spec.base: aliases (*name) are not allowed; write the value out"),
    ],
)  # fmt: skip
def test_a_recipes_mistakes_about_its_network_have_line_and_column(
    folder: Path, model: str, line: str
) -> None:
    (folder / "pets.yaml").write_text(f"name: pets\nepochs: 1\nmodel: {{{model}}}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("pets.yaml")
    [found] = lines_of(caught)
    assert found.startswith(line)


def test_from_outside_a_network_takes_the_place_of_the_files(folder: Path) -> None:
    own = load_spec("net.yaml")
    assert load_recipe("dogcat", model="net.yaml").recipe.spec() == own.scaled(resolution=128)
    assert load_recipe("dogcat", ["model.spec=net.yaml"]).recipe.model.name is None
    assert load_recipe("pets.yaml", model="parnet_m").recipe.spec().name == "parnet_m+r64"
    assert load_recipe("pets.yaml", model=Path("net.yaml")).recipe.spec().name == "mine+r64"
    inline = {"spec": {"base": "parnet_test"}}
    assert load_recipe("dogcat", model=inline).recipe.spec().name == "parnet_test+r128"


@pytest.mark.parametrize("name", ["parnet_xl", "parnet_s", "mobilenet_v3_small"])
def test_a_backbone_from_outside_is_not_scaled_as_the_files_network_was(name: str) -> None:
    wanted = registry.get(name).scaled(resolution=32)
    assert load_recipe("quickstart").recipe.spec() != wanted
    for options in ({"model": name}, {"overrides": [f"model.name={name}"]}):
        recipe = load_recipe("quickstart", **options).recipe
        assert (recipe.model.scaling, recipe.spec()) == (None, wanted)


def test_scaling_from_outside_is_for_the_network_from_outside() -> None:
    wanted = registry.get("parnet_m").scaled(width=0.5, resolution=32)
    assert load_recipe(
        "quickstart", ["model.scaling.width=0.5"], model="parnet_m"
    ).recipe.spec() == (wanted)
    both = {"name": "parnet_m", "scaling": {"width": 0.5}}
    assert load_recipe("quickstart", model=both).recipe.spec() == wanted
    with pytest.raises(RecipeError) as caught:
        load_recipe("quickstart", ["model.scaling={width: 0.5}"], model="resnet50")
    [line] = lines_of(caught)
    assert line.startswith("--set model.scaling.width: the family 'baseline' cannot be scaled; ")
    assert line.endswith("; without model.scaling it is taken as it is")


@pytest.mark.parametrize(
    ("overrides", "name", "source"),
    [
        ("model.spec=net.yaml", "parnet_s", "--set model.spec"),
        ("model.spec={base: parnet_s}", "parnet_s", "--set model.spec"),
        ("model.name=parnet_s", "net.yaml", "model=net.yaml model.spec"),
        ("model.spec.scaling.depth=[1, 1]", "parnet_s", "model=parnet_s model.name: model.spec"),
    ],
)
def test_two_networks_from_outside_are_one_too_many(
    folder: Path, overrides: str, name: str, source: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("pets.yaml", [overrides], model=name)
    assert lines_of(caught) == [f"{source}: model.name says which network too; keep one of the two"]
    assert load_recipe("pets.yaml", ["model.spec=null"], model="parnet_s").recipe.model.spec is None


def test_a_spec_from_outside_is_not_scaled_as_the_files_network_was(folder: Path) -> None:
    (folder / "net.yaml").write_text(SHORT + "resolution: 32\n")
    assert "scaling" in shipped_recipes()["quickstart"].read_text()
    assert load_recipe("quickstart", model="net.yaml").recipe.spec() == load_spec("net.yaml")
    wider = load_recipe("quickstart", ["model.scaling.width=2"], model="net.yaml").recipe
    assert wider.spec().widths == (48, 96, 192)


def test_a_path_from_outside_starts_in_the_current_folder(folder: Path) -> None:
    (folder / "recipes").mkdir()
    (folder / "pets.yaml").rename(folder / "recipes" / "pets.yaml")
    assert load_recipe("recipes/pets.yaml", model="net.yaml").recipe.spec().name == "mine+r64"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"model": "bad.yaml"}, "bad.yaml:4:18 scaling.channels[1]: the number 47"),
        ({"model": "nowhere.yaml"},
         "model=nowhere.yaml model.spec: nowhere.yaml: there is no such file"),
        ({"overrides": ["model.spec=nowhere.yaml"]},
         "--set model.spec: nowhere.yaml: there is no such file"),
        ({"overrides": ["model.spec.scaling.channels=[24, 47]"]},
         "--set model.spec.scaling.channels[1]: the number 47"),
        ({"overrides": ["model.spec={base: parnet_q}"]},
         "--set model.spec.base: no backbone is called 'parnet_q'"),
    ],
)  # fmt: skip
def test_a_wrong_network_from_outside_is_said_where_it_comes_from(
    folder: Path, options: dict[str, Any], line: str
) -> None:
    (folder / "bad.yaml").write_text(SHORT.replace("48", "47"))
    with pytest.raises(RecipeError) as caught:
        load_recipe("pets.yaml", **options)
    [found] = lines_of(caught)
    assert found.startswith(line)


def test_one_field_of_a_spec_file_can_be_set_for_one_run(folder: Path) -> None:
    recipe = load_recipe("pets.yaml", ["model.spec.scaling.channels=[16, 32]"]).recipe
    assert recipe.spec().widths == (16, 32, 96)


@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_no_spec_in_a_recipe_is_more_than_a_recipe_error(value: object) -> None:
    with contextlib.suppress(RecipeError):
        load_recipe("quickstart", model={"spec": value})


# --- the command line


def test_the_command_line_shows_a_spec_file(
    folder: Path, parnet_zoo_in: Callable[..., Done]
) -> None:
    shown = parnet_zoo_in("backbones", "show", "net.yaml")
    assert shown.code == 0
    assert "name: mine\nfamily: parnet\n" in shown.stdout
    assert "widths: 24, 48, 96\n" in shown.stdout
    (folder / "net.yaml").write_text(SHORT.replace("48", "47"))
    wrong = parnet_zoo_in("backbones", "show", "net.yaml")
    assert (wrong.code, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("net.yaml:4:18 scaling.channels[1]: ")


def test_the_command_line_prints_the_schema(parnet_zoo_in: Callable[..., Done]) -> None:
    assert parnet_zoo_in("backbones", "schema").json == registry.schema()


@pytest.mark.parametrize("text", [SHORT, DERIVED, "# mine\nfamily: baseline\ndepth: x\n"])
def test_a_spec_in_the_place_of_a_recipe_is_told_from_one(folder: Path, text: str) -> None:
    Path("my net.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe("my net.yaml", ["epochs=1"])
    line = 2 if text.startswith("#") else 1
    assert lines_of(caught) == [
        f"my net.yaml:{line}:1: this is a network's spec, not a recipe; use parnet-zoo train RECIPE"
        " --model 'my net.yaml'"
    ]


@pytest.mark.parametrize("key", ["epochs: 1", "model: {name: parnet_s}", "data: {root: x}"])
def test_a_recipe_with_keys_of_a_spec_is_still_a_recipe(folder: Path, key: str) -> None:
    Path("pets.yaml").write_text(f"name: pets\nfamily: parnet\n{key}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("pets.yaml")
    assert any("family: unknown key" in line for line in lines_of(caught))


def test_train_names_the_spec_file_and_its_line(
    folder: Path, parnet_zoo_in: Callable[..., Done]
) -> None:
    (folder / "net.yaml").write_text(SHORT.replace("48", "47"))
    done = parnet_zoo_in("train", "dogcat", "--model", "net.yaml")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("net.yaml:4:18 scaling.channels[1]: ")
    done = parnet_zoo_in("train", "dogcat", "--model", "nowhere.yaml")
    assert done.stderr == ("--model nowhere.yaml model.spec: nowhere.yaml: there is no such file\n")
