"""Specs from plain data, as JSON and YAML give it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from registry.catalog import families, find, members, near_names
from registry.derivation import Derivation
from registry.english import found
from registry.errors import FieldProblem, SpecError
from registry.explain import MISSING
from registry.spec import BackboneSpec
from registry.validated import fields_of, validated

CODE = ("builder", "coster")
"""The fields of a spec that name code."""
DESCRIPTION = frozenset({"source", "paper", "published", "hidden", "limits"})
"""The fields of a spec that are about a network, and do not make it another."""
_LONGEST_LABEL = 40


def from_mapping(data: Mapping[str, Any]) -> BackboneSpec:
    """A spec from plain data in one of two forms.

    Either `family` and `name` with that family's fields, where what is left out has its default, or
    `base`, the name of a registered backbone, with `scaling`, `resolution` and `name` as far as
    they differ. `builder` and `coster` can be left out, and are never taken from the data: where
    they are given they must be the family's own. The result is not registered, and has the name of
    a registered network only where it is that network.

    Raises:
        SpecError: The data is no spec; the message says for every wrong field what fits.

    Example:
        >>> scaling = {"channels": [24, 48], "branches": 2, "final_channels": 96}
        >>> registry.from_mapping({"family": "parnet", "name": "mine", "scaling": scaling})
        >>> registry.from_mapping({"base": "parnet_s", "scaling": {"width": 1.25}})
    """
    if not isinstance(data, Mapping):
        message = f"a spec is a section with keys of its own, not {found(data)}"
        raise SpecError(message, [FieldProblem((), message)])
    fields = {str(key): value for key, value in data.items()}
    label = _label(fields)
    if "base" in fields and "family" not in fields:
        return _own_name(validated(Derivation, fields, label).spec())
    family = fields.get("family")
    own = members(family) if isinstance(family, str) else []
    if not own:
        raise SpecError.about(label, [_no_family(fields)])
    _check_derivation_words(own[0], fields, label)
    return _own_name(validated(type(own[0]), {**fields, **_code(own, fields, label)}, label))


def _own_name(spec: BackboneSpec) -> BackboneSpec:
    """The spec, unless it goes by the name of another network."""
    other = find(spec.name)
    if other is None or (type(other) is type(spec) and _network(other) == _network(spec)):
        return spec
    message = f"{spec.name} is a registered network and this is another; give it another name"
    raise SpecError(message, [FieldProblem(("name",), message)])


def _network(spec: BackboneSpec) -> dict[str, Any]:
    return spec.model_dump(exclude=set(DESCRIPTION))


def _check_derivation_words(member: BackboneSpec, fields: dict[str, Any], label: str) -> None:
    """Refuse words of `scaled`, such as a factor on all widths: there is nothing to scale."""
    scaling = fields.get("scaling")
    if not isinstance(scaling, Mapping):
        return
    known = {"name", *fields_of(type(member)).keys(("scaling",))}
    words = inspect.signature(type(member).scaled).parameters.values()
    given = [
        word.name
        for word in words
        if word.kind is word.KEYWORD_ONLY and word.name in scaling and word.name not in known
    ]
    if given:
        message = (
            f"{' and '.join(given)} only {'belongs' if len(given) == 1 else 'belong'} to a derived"
            f" spec, which has `base` in place of `family`, such as `base: {member.name}`"
        )
        raise SpecError.about(label, [FieldProblem(("scaling", given[0]), message, at_key=True)])


def code_of(own: list[BackboneSpec]) -> list[tuple[str, str | None]]:
    """What a family builds and counts its networks with: its class' default, then its specs'."""
    fields = type(own[0]).model_fields
    builder, coster = fields["builder"], fields["coster"]
    default = [] if builder.is_required() else [(builder.default, coster.default)]
    return list(dict.fromkeys([*default, *((spec.builder, spec.coster) for spec in own)]))


def _code(own: list[BackboneSpec], fields: dict[str, Any], label: str) -> dict[str, Any]:
    """The builder and the coster that are meant; data never brings code of its own."""
    known = code_of(own)
    family = own[0].family
    for place, key in enumerate(CODE):
        if key in fields:
            known = [pair for pair in known if pair[place] == fields[key]]
            if not known:
                message = (
                    f"{found(fields[key])} does not fit; a spec names no code, so leave it out:"
                    f" the family {family} has its own"
                )
                raise SpecError.about(label, [FieldProblem((key,), message)])
    if type(own[0]).model_fields["builder"].is_required() and len(known) > 1:
        ways = ", ".join(dict.fromkeys(builder for builder, _ in known))
        message = f"the family {family} builds its networks in several ways; take one of {ways}"
        raise SpecError.about(label, [FieldProblem(("builder",), message)])
    return dict(zip(CODE, known[0], strict=True))


def _no_family(fields: dict[str, Any]) -> FieldProblem:
    known = list(families())
    if "family" not in fields:
        message = (
            f"{MISSING}; it must be one of {', '.join(known)}, or else give base, the name of a"
            " registered backbone"
        )
        return FieldProblem(("family",), message)
    family = fields["family"]
    near = near_names(family, known) if isinstance(family, str) else []
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    message = f"{found(family)} is no family; {hint}families: {', '.join(known)}"
    return FieldProblem(("family",), message)


def _label(fields: dict[str, Any]) -> str:
    """What messages call the spec."""
    name = fields.get("name")
    usable = isinstance(name, str) and name.isprintable() and 0 < len(name) <= _LONGEST_LABEL
    return str(name) if usable else "this spec"
