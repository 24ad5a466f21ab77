"""The fields that a recipe file can have, and the nearest to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from parnet_zoo.recipe.file_schema import schema_with_extends
from registry.field_path import FieldPath
from registry.schema_fields import Schema, SchemaFields

OTHER_NAMES: dict[str, FieldPath] = {
    other: tuple(field.split("."))
    for field, others in {
        "extends": "extend include inherit inherits parent _base_ defaults",
        "epochs": "num_epochs n_epochs max_epochs nb_epochs",
        "time": "max_time time_budget budget",
        "batch_size": "batch bs batchsize train_batch_size per_device_train_batch_size",
        "seed": "random_seed random_state",
        "precision": "amp fp16 bf16 mixed_precision dtype",
        "label_smoothing": "smoothing",
        "class_weights": "class_weight",
        "ema": "ema_decay model_ema ema_momentum",
        "evaluation.flip": "tta test_time_augmentation",
        "distribution.devices": "gpus num_gpus num_devices",
        "distribution.strategy": "distribute",
        "distribution.sync_batch_norm": "sync_bn syncbn sync_batchnorm",
        "model.name": "arch architecture backbone network model_name",
        "model.resolution": "image_size img_size imgsz input_size crop_size size",
        "model.weights": "pretrained init resume_from finetune_from",
        "model.freeze": "frozen freeze_layers",
        "model.scaling.dropout": "drop drop_rate dropout_rate",
        "data.root": "data_dir data_path data_root dataset dataset_path",
        "data.validation": "val validation_split val_split valid_pct",
        "data.test": "test_split test_dir",
        "augmentation.horizontal_flip": "flip hflip fliplr",
        "augmentation.resized_crop": "random_resized_crop rrc",
        "augmentation.randaugment": "rand_augment auto_augment autoaugment aa",
        "augmentation.erasing": "random_erasing cutout reprob",
        "augmentation.color_jitter": "colour_jitter colorjitter jitter",
        "optimizer.name": "opt optim",
        "optimizer.learning_rate": "lr lr0 base_lr",
        "optimizer.weight_decay": "wd",
        "optimizer.clip_norm": "clip_grad clipnorm grad_clip gradient_clip max_grad_norm"
        " gradient_clip_val global_clipnorm",
        "optimizer.accumulation": "accum accum_iter accumulate grad_accum accumulate_grad_batches"
        " gradient_accumulation gradient_accumulation_steps",
        "optimizer.layer_decay": "llrd layer_lr_decay layerwise_decay layer_wise_decay",
        "schedule": "scheduler lr_scheduler lr_schedule sched",
        "schedule.warmup_epochs": "warmup warm_up warmup_length",
        "schedule.every_epochs": "step_size decay_epochs step_epochs",
        "early_stopping": "early_stop earlystopping",
        "checkpoints": "checkpointing save_checkpoints",
        "tracking.experiment": "experiment_name",
        "register.name": "registered_model_name",
    }.items()
    for other in others.split()
}
"""What other trainers, or our own flags, call a field."""


@cache
def recipe_fields() -> SchemaFields:
    """All fields of a recipe file."""
    return SchemaFields(schema_with_extends(), OTHER_NAMES)


def field_schema(path: FieldPath) -> Schema | None:
    """The JSON Schema of a field or list item, without references; None where there is none."""
    return recipe_fields().schema(path)


def keys(path: FieldPath) -> list[str]:
    """The keys of a section; none for a field that is no section."""
    return recipe_fields().keys(path)


def required_keys() -> list[str]:
    """The keys without which no recipe is complete."""
    return recipe_fields().required()


def all_fields(path: FieldPath = ()) -> Iterator[tuple[FieldPath, Schema]]:
    """Every field and section below `path` with its schema, in the order of the recipe."""
    return recipe_fields().all(path)


def nearest(path: FieldPath) -> FieldPath | None:
    """The field that an unknown one was probably meant to be."""
    return recipe_fields().nearest(path)


def unknown_key(path: FieldPath) -> str:
    """What to say about a key that does not exist."""
    return recipe_fields().unknown_key(path)
