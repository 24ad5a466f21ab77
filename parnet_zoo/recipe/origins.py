"""Where the values of a recipe came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parnet_zoo.recipe.document import Document
from parnet_zoo.recipe.errors import Problem
from parnet_zoo.recipe.merge import Merged
from parnet_zoo.recipe.schema.backbone import SPEC
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.spec_document import spec_problem
from registry.field_path import FieldPath, dotted


@dataclass(frozen=True)
class Origins:
    """The files and overrides that a recipe was made of.

    Attributes:
        documents: The recipe's own file first, then the one that it extends, and so on.
        merged: Which of them gives which field.
        overridden: What messages call the overrides, by the field that each sets.
        spec: The network's own file, where there is one.
    """

    documents: Sequence[Document]
    merged: Merged
    overridden: Mapping[FieldPath, str]
    spec: Document | None = None

    def problem(self, finding: Finding) -> Problem:
        """A finding, at the override that caused it or else at its place in its file."""
        if self.spec is not None and self._in_spec_file(finding.path):
            return spec_problem(
                self.spec, finding.path[len(SPEC) :], finding.message, at_key=finding.at_key
            )
        reads = finding.reads or (finding.path,)
        for read in reads:
            path = self._override(read)
            if path is not None:
                return _blamed(Problem(0, 0, self.overridden[path], "", ""), path, finding)
        return self._in_file(finding, reads)

    def _in_file(self, finding: Finding, reads: Sequence[FieldPath]) -> Problem:
        """The topmost of the files that a finding rests on is the one that made it so."""
        given = {read: owner for read in reads if (owner := self.merged.owner(read)) is not None}
        own = self.merged.owner(finding.path)
        top = min(given.values(), default=self.merged.section_owner(finding.path))
        if own is not None and top < own:
            read = next(read for read, owner in given.items() if owner == top)
            document = self.documents[top]
            return _blamed(Problem(*document.position(read), document.name, "", ""), read, finding)
        document = self.documents[top if own is None else own]
        at = document.key_position if finding.at_key else document.position
        return Problem(*at(finding.path), document.name, dotted(finding.path), finding.message)

    def _in_spec_file(self, path: FieldPath) -> bool:
        inside = len(path) > len(SPEC) and path[: len(SPEC)] == SPEC
        return inside and len(self._override(path) or ()) <= len(SPEC)

    def _override(self, path: FieldPath) -> FieldPath | None:
        for end in range(len(path), 0, -1):
            if path[:end] in self.overridden:
                return path[:end]
        return None


def _blamed(place: Problem, path: FieldPath, finding: Finding) -> Problem:
    """A finding at the place of the field that caused it; its own field where that is inside."""
    name, message = dotted(finding.path), finding.message
    if finding.path[: len(path)] != path:
        name, message = dotted(path), f"{name}: {message}"
    return Problem(place.line, place.column, place.source, name, message)
