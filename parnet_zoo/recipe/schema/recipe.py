"""The recipe: everything that one training run is."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.recipe.environment import escaped
from parnet_zoo.recipe.scalars import Scalar
from parnet_zoo.recipe.schema.backbone import backbone_of
from parnet_zoo.recipe.schema.checkpoints import CheckpointsSection
from parnet_zoo.recipe.schema.class_weights import ALLOWED as CLASS_WEIGHTS
from parnet_zoo.recipe.schema.class_weights import ClassWeights
from parnet_zoo.recipe.schema.data import DataSection
from parnet_zoo.recipe.schema.distribution import DistributionSection
from parnet_zoo.recipe.schema.duration import Duration
from parnet_zoo.recipe.schema.early_stopping import EarlyStoppingSection
from parnet_zoo.recipe.schema.evaluation import EvaluationSection
from parnet_zoo.recipe.schema.format_version import FormatVersion
from parnet_zoo.recipe.schema.model import ModelSection
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.recipe.schema.progressive import ProgressiveStage
from parnet_zoo.recipe.schema.register import RegisterSection
from parnet_zoo.recipe.schema.rules import contradictions
from parnet_zoo.recipe.schema.schedule import ScheduleSection
from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import Name, Prose
from parnet_zoo.recipe.schema.tracking import TrackingSection
from parnet_zoo.recipe.yaml_text import yaml_text
from parnet_zoo.user_path import user_path
from registry import BackboneSpec

RULES_ERROR = "recipe_rules"
"""Type of pydantic's error when fields contradict each other; its context has the findings."""

with warnings.catch_warnings():
    # A field called `register` hides ABCMeta.register, which nobody calls on a recipe.
    warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)

    class Recipe(Section):
        """One training run, complete: what is not given has the default.

        Build one with `load_recipe`, whose errors name file, line and column.

        Raises:
            pydantic.ValidationError: A field is unknown or wrong, fields contradict each other, or
                the registry has no such network.
        """

        version: FormatVersion = Field(
            default=1, description="Version of the recipe format; there is one so far."
        )
        name: Name = Field(
            description="The recipe's name; the default name of the data's folder, of the"
            " experiment and of the registered model."
        )
        description: Prose = Field(default="", description="What it is for, in your own words.")
        epochs: int = Field(
            ge=1, le=100_000, description="Times that the training data is gone through."
        )
        time: Duration | None = Field(
            default=None,
            description="Wall-clock time for the whole training, such as `30m`, `2h` or `1h30m`: as"
            " many epochs as fit into it take the place of `epochs`, and the schedules follow. The"
            " flag `--time` sets it.",
        )
        batch_size: int = Field(
            default=32, ge=1, le=65_536, description="Images in one step, of all devices together."
        )
        seed: int = Field(
            default=0,
            ge=0,
            le=2**32 - 1,
            description="Governs weights, order, augmentation, dropout and the validation split.",
        )
        deterministic: bool = Field(
            default=False,
            description="Whether the same seed gives the same numbers on the same machine, at some"
            " cost in speed.",
        )
        precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
            default="auto",
            description="Number format of the computation; `auto` takes the fastest that the device"
            " does natively.",
        )
        distribution: DistributionSection = Field(
            default_factory=DistributionSection, description="On which devices it runs."
        )
        model: ModelSection = Field(description="Which network is trained.")
        data: DataSection = Field(
            default_factory=DataSection, description="Which pictures are used, and how."
        )
        augmentation: AugmentationSpec = Field(
            default_factory=AugmentationSpec,
            description="Random changes to training images; all off by default.",
        )
        progressive: Annotated[
            tuple[ProgressiveStage, ...], Strict(False), Field(max_length=20)
        ] = Field(
            default=(),
            description="Smaller training images first, such as `[{until: 0.5, resolution: 64}]`;"
            " validation is always at the network's resolution.",
        )
        optimizer: OptimizerSection = Field(
            default_factory=OptimizerSection, description="How weights are updated."
        )
        schedule: ScheduleSection = Field(
            default_factory=ScheduleSection, description="How the learning rate changes."
        )
        label_smoothing: float = Field(
            default=0.0, ge=0, lt=1, description="Part of each label spread over all classes."
        )
        class_weights: ClassWeights | None = Field(
            default=None,
            json_schema_extra={"x-allowed": CLASS_WEIGHTS},
            description="Weight of each class in the training loss: `balanced`, by which all"
            " classes count alike, or a number for some classes by their names, such as"
            " `{cat: 2}`; null: each image counts alike.",
        )
        ema: float | None = Field(
            default=None,
            gt=0,
            lt=1,
            description="Decay a step of the moving average of the weights, which is then what is"
            " validated and kept; null: none.",
        )
        early_stopping: EarlyStoppingSection | None = Field(
            default=None, description="When training stops early; null: never."
        )
        checkpoints: CheckpointsSection | None = Field(
            default=None, description="Weights kept along the way; null: only the best."
        )
        save_every: Duration = Field(
            default="2m",
            description="Longest time from one save of the whole training to the next, from which"
            " `parnet-zoo resume` goes on; the last two are kept until the run has ended.",
        )
        tensorboard: bool = Field(
            default=False, description="Whether TensorBoard logs are written too."
        )
        evaluation: EvaluationSection = Field(
            default_factory=EvaluationSection, description="How the best weights are judged."
        )
        smoke: bool = Field(
            default=False,
            description="Whether every stage is only tried, on a handful of images. The flag"
            " `--smoke` sets it.",
        )
        tracking: TrackingSection = Field(
            default_factory=TrackingSection, description="Where the run is kept."
        )
        register: RegisterSection = Field(
            default_factory=RegisterSection, description="What becomes of the trained model."
        )

        @model_validator(mode="after")
        def _fields_agree(self) -> Self:
            findings = tuple(contradictions(self))
            if findings:
                text = "; ".join(finding.message for finding in findings)
                raise PydanticCustomError(
                    RULES_ERROR, "{text}", {"text": text, "findings": findings}
                )
            return self

        def spec(self) -> BackboneSpec:
            """The network's spec: the registered one, rescaled and at the recipe's resolution."""
            return backbone_of(self.model)

        @property
        def data_root(self) -> Path:
            """The folder with `train` in it: `data.root`, or else `datasets/<name>`."""
            return user_path(self.data.root or f"datasets/{self.name}")

        @property
        def experiment(self) -> str:
            """Name of the MLflow experiment."""
            return self.tracking.experiment or self.name

        @property
        def registered_name(self) -> str:
            """Name of the registered model that the result becomes a version of."""
            return self.register.name or self.name

        def flattened(self) -> dict[str, Scalar]:
            """Every field by its dotted name, for MLflow's parameters.

            Lists are written as YAML has them, `[24, 48]`; a section that is null is one entry.
            """
            return dict(_leaves(self.model_dump(mode="json"), ""))

        def to_yaml(self) -> str:
            """The whole recipe, defaults included, as YAML that loads back equal.

            It needs neither the environment nor any other file: its network's spec is in it.
            """
            return yaml_text(escaped(self.model_dump(mode="json")))

        @property
        def digest(self) -> str:
            """SHA-256, in hexadecimal, of the whole recipe, defaults included."""
            canonical = json.dumps(
                self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")
            )
            return hashlib.sha256(canonical.encode()).hexdigest()

        @classmethod
        def json_schema(cls) -> dict[str, Any]:
            """JSON Schema (draft 2020-12) of a whole recipe; `recipe_schema` is that of a file."""
            return {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **cls.model_json_schema(),
            }


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, json.dumps(value) if isinstance(value, list) else value
