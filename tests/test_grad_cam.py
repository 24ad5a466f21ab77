"""Grad-CAM points at what speaks for a class."""

from typing import Any

import keras
import numpy as np
import pytest

from parnet_zoo import registry
from parnet_zoo.networks.grad_cam import grad_cam
from registry import SpecError


def corners() -> Any:
    """A network whose class 0 is red and whose class 1 is green, anywhere in the picture."""
    image = keras.Input((8, 8, 3))
    pooled = keras.layers.AveragePooling2D(2, name="map")(image)
    mean = keras.layers.GlobalAveragePooling2D()(pooled)
    model = keras.Model(image, keras.layers.Dense(2, use_bias=False, name="head")(mean))
    model.get_layer("head").set_weights([np.array([[1, -1], [-1, 1], [0, 0]], np.float32)])
    return model


def picture() -> Any:
    """Red above on the left, green below on the right."""
    pixels = np.zeros((1, 8, 8, 3), np.float32)
    pixels[0, :2, :2, 0] = 1
    pixels[0, -2:, -2:, 1] = 1
    return pixels


def test_it_points_at_what_speaks_for_the_class() -> None:
    both = np.concatenate((picture(), picture()))
    red, green = grad_cam(corners(), both, [0, 1])
    assert red.shape == (4, 4)
    assert red[0, 0] == 1
    assert green[3, 3] == 1
    assert red.sum() == green.sum() == 1


def test_where_nothing_speaks_for_the_class_all_is_nothing() -> None:
    assert not grad_cam(corners(), np.zeros((1, 8, 8, 3)), [0]).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["parnet_test", "mobilenet_v3_small"])
def test_every_family_has_a_map_before_its_head(name: str) -> None:
    spec = registry.get(name)
    side = spec.nearest_resolution(64)
    model = spec.build(num_classes=3, image_shape=(side, side, 3))
    images = np.random.default_rng(0).normal(size=(2, side, side, 3))
    found = grad_cam(model, images, [0, 2])
    assert found.shape[0] == 2
    assert found.shape[1] > 1
    assert ((found >= 0) & (found <= 1)).all()
    again = grad_cam(model, images[1:], [2])
    np.testing.assert_allclose(found[1], again[0], atol=1e-4)


def test_a_map_of_one_place_is_refused() -> None:
    image = keras.Input((4, 4, 3))
    pooled = keras.layers.AveragePooling2D(4)(image)
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(pooled)))
    with pytest.raises(SpecError, match="one place"):
        grad_cam(model, np.zeros((1, 4, 4, 3)), [0])
