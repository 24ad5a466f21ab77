"""Files become pixels, and broken files become names."""

import csv
import errno
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.data import pixel_cache
from parnet_zoo.data.store import Cache, ImageStore
from parnet_zoo.errors import DataError
from parnet_zoo.serving.runtime import decode_image

SIZE = 16
IMAGE = SIZE * SIZE * 3
CACHES: tuple[Cache, ...] = ("memory", "disk", "none")


def decode(image: Path | bytes) -> NDArray[np.uint8]:
    return decode_image(image, SIZE)


def pictures(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(count)]
    generator = np.random.default_rng(0)
    for path in paths:
        Image.fromarray(generator.integers(0, 255, (SIZE, SIZE, 3), np.uint8)).save(path)
    return paths


def open_store(
    paths: list[Path], folder: Path, cache: Cache = "memory", **options: float
) -> ImageStore:
    return ImageStore(paths, decode=decode, size=SIZE, cache=cache, directory=folder, **options)


@pytest.mark.parametrize("cache", CACHES)
def test_a_batch_holds_the_decoded_files_in_the_order_asked_for(
    tmp_path: Path, cache: Cache
) -> None:
    paths = pictures(tmp_path / "pictures", 70)
    with open_store(paths, tmp_path / "cache", cache) as store:
        assert store.prepare() == ()
        pixels, ok = store.batch(np.array([69, 3, 3, 0]))
    assert pixels.dtype == np.uint8
    assert ok.tolist() == [True] * 4
    np.testing.assert_array_equal(pixels, [decode(paths[index]) for index in (69, 3, 3, 0)])


@pytest.mark.parametrize("cache", CACHES)
def test_unreadable_files_are_named_with_a_reason_and_masked(tmp_path: Path, cache: Cache) -> None:
    paths = pictures(tmp_path / "pictures", 5)
    paths[1].write_bytes(paths[1].read_bytes()[:200])
    paths[2].write_text("not a picture")
    paths[4].unlink()
    with open_store(paths, tmp_path, cache) as store:
        bad = store.prepare()
        assert [item.path for item in bad] == [paths[1], paths[2], paths[4]]
        assert all(item.reason and "\n" not in item.reason for item in bad)
        assert store.readable.tolist() == [0, 3]
        pixels, ok = store.batch(np.arange(5))
        assert ok.tolist() == [True, False, False, True, False]
        assert not pixels[~ok].any()
        assert store.prepare() == store.unreadable == bad


@pytest.mark.parametrize("cache", CACHES)
def test_a_file_that_vanishes_later_matters_only_without_a_cache(
    tmp_path: Path, cache: Cache
) -> None:
    paths = pictures(tmp_path / "pictures", 4)
    with open_store(paths, tmp_path, cache) as store:
        store.prepare()
        paths[2].unlink()
        for _ in range(2):
            _, ok = store.batch(np.array([1, 2, 3]))
            assert ok.tolist() == [True, cache != "none", True]
        assert [item.path for item in store.unreadable] == ([paths[2]] if cache == "none" else [])


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_odd_images_are_read_or_named(shared: Path, tmp_path: Path, cache: Cache) -> None:
    with (shared / "data/odd_images/LIST.csv").open() as file:
        rows = list(csv.DictReader(file))
    paths = [shared / "data/odd_images" / row["file"] for row in rows]
    with open_store(paths, tmp_path, cache) as store:
        named = {item.path.name for item in store.prepare()}
        _, ok = store.batch(np.arange(len(paths)))
    assert named == {path.name for path, good in zip(paths, ok, strict=True) if not good}
    assert {"broken_data_stream.png", "truncated_image.png", "truncated_jpeg.jpg"} <= named
    fine = {Path(row["file"]).name for row in rows if "decodes" in row["what_pillow_says"]}
    assert not named & fine


def test_whatever_a_decoder_raises_is_a_reason(tmp_path: Path) -> None:
    errors = {"a": AssertionError(), "b": ZeroDivisionError("first line\nsecond")}

    def broken(image: Path | bytes) -> NDArray[np.uint8]:
        raise errors[str(image)]

    paths = [Path("a"), Path("b")]
    store = ImageStore(paths, decode=broken, size=4, cache="none", directory=tmp_path)
    assert [item.reason for item in store.prepare()] == ["AssertionError", "first line"]
    assert store.readable.size == 0


def test_a_decoder_of_the_wrong_shape_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    wrong = np.zeros((SIZE, SIZE, 1), np.uint8)
    store = ImageStore(
        [Path("x")], decode=lambda _: wrong, size=SIZE, cache="memory", directory=tmp_path
    )
    with pytest.raises(TypeError, match=r"uint8 \(16, 16, 1\) for x"):
        store.prepare()


def test_progress_counts_up_to_all_images(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with open_store(pictures(tmp_path, 100), tmp_path) as store:
        store.prepare(lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (100, 100)
    assert len(seen) > 1


def test_files_are_decoded_by_several_threads_at_once(tmp_path: Path) -> None:
    threads: set[int] = set()
    two_at_work = threading.Event()

    def wait_for_another(_image: Path | bytes) -> NDArray[np.uint8]:
        threads.add(threading.get_ident())
        if len(threads) > 1:
            two_at_work.set()
        if not two_at_work.wait(timeout=60):
            raise TimeoutError("no other thread came")
        return np.zeros((4, 4, 3), np.uint8)

    store = ImageStore(
        [Path("x")] * 128, decode=wait_for_another, size=4, cache="memory", directory=tmp_path
    )
    assert store.prepare() == ()


def test_an_interrupted_preparation_stops_and_can_be_taken_up_again(tmp_path: Path) -> None:
    paths = pictures(tmp_path, 200)
    with open_store(paths, tmp_path) as store:

        def interrupt(_done: int, _total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store.prepare(interrupt)
        with pytest.raises(RuntimeError, match="prepare"):
            store.batch(np.array([0]))
        assert store.prepare() == ()
        np.testing.assert_array_equal(store.batch(np.array([199]))[0][0], decode(paths[199]))


def test_auto_prefers_memory_then_disk_then_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = pictures(tmp_path, 3)
    for limit, reserve, chosen in (
        (3 * SIZE * SIZE * 3, 0, "memory"),
        (3 * SIZE * SIZE * 3 - 1, 0, "disk"),
        (0, 10**18, "none"),
    ):
        monkeypatch.setattr(pixel_cache, "MEMORY_LIMIT", limit)
        monkeypatch.setattr(pixel_cache, "DISK_RESERVE", reserve)
        with open_store(paths, tmp_path / "cache", "auto") as store:
            assert store.prepare() == ()
            assert store.cache == chosen
            np.testing.assert_array_equal(store.batch(np.array([2]))[0][0], decode(paths[2]))


@pytest.mark.parametrize("cache", ["memory", "disk", "auto"])
def test_under_a_limit_as_many_images_as_fit_are_cached(tmp_path: Path, cache: Cache) -> None:
    paths = pictures(tmp_path / "pictures", 7)
    paths[1].write_text("not a picture")
    paths[6].write_text("neither")
    with open_store(paths, tmp_path / "cache", cache, limit=3.5 * IMAGE) as store:
        assert len(store.prepare()) == 2
        assert store.cached == 3
        assert store.cache == ("disk" if cache == "disk" else "memory")
        for path in paths[:3]:
            path.unlink()
        pixels, ok = store.batch(np.array([5, 2, 1, 0, 6, 4]))
        assert ok.tolist() == [True, True, False, True, False, True]
        np.testing.assert_array_equal(pixels[[0, 5]], [decode(paths[5]), decode(paths[4])])
        assert pixels[1].any()
        assert not pixels[~ok].any()


def test_a_part_is_cached_where_there_is_more_room_in_memory_or_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = pictures(tmp_path / "pictures", 9)
    for in_memory, on_disk, chosen, count in ((5, 3, "memory", 5), (2, 6, "disk", 6)):
        monkeypatch.setattr(pixel_cache, "MEMORY_LIMIT", in_memory * IMAGE)
        monkeypatch.setattr(pixel_cache, "DISK_RESERVE", 100)
        usage = SimpleNamespace(free=100 + on_disk * IMAGE)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        with open_store(paths, tmp_path / "cache", "auto") as store:
            store.prepare()
            assert (store.cache, store.cached) == (chosen, count)
            pixels, _ = store.batch(np.arange(9))
            np.testing.assert_array_equal(pixels, [decode(path) for path in paths])


def test_a_share_of_the_limit_is_kept_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = pictures(tmp_path / "pictures", 8)
    with open_store(paths, tmp_path, "memory", limit=8 * IMAGE, share=0.5) as store:
        store.prepare()
        assert store.cached == 4
    monkeypatch.setattr(pixel_cache, "MEMORY_LIMIT", 8 * IMAGE)
    monkeypatch.setattr(pixel_cache, "DISK_RESERVE", 10**18)
    with open_store(paths, tmp_path, "auto", share=0.5) as store:
        store.prepare()
        assert (store.cache, store.cached) == ("memory", 4)


@pytest.mark.parametrize("options", [{"limit": float("nan")}, {"limit": 0}, {"share": 0}])
def test_a_limit_that_is_no_number_of_bytes_is_a_mistake_of_the_program(
    tmp_path: Path, options: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match="limit must be above 0"):
        open_store([], tmp_path, "memory", **options).prepare()


@pytest.mark.parametrize("offered", [True, False])
def test_a_disk_that_is_full_is_an_error_or_no_disk_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offered: bool
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def not_offered(*_arguments: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", full if offered else not_offered, raising=False)
    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(pixel_cache, "MEMORY_LIMIT", 2 * IMAGE)
    monkeypatch.setattr(pixel_cache, "DISK_RESERVE", 0)
    paths = pictures(tmp_path / "pictures", 3)
    with pytest.raises(DataError, match=r"GB in .*: No space left on device; make room there"):
        open_store(paths, tmp_path / "cache", "disk").prepare()
    with open_store(paths, tmp_path / "cache", "auto") as store:
        store.prepare()
        assert (store.cache, store.cached) == ("memory", 2)


def test_the_disk_cache_works_where_room_cannot_be_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    paths = pictures(tmp_path / "pictures", 3)
    with open_store(paths, tmp_path / "cache", "disk") as store:
        store.prepare()
        np.testing.assert_array_equal(store.batch(np.array([2]))[0][0], decode(paths[2]))


def test_a_folder_that_cannot_be_written_is_no_place_for_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(pixel_cache, "MEMORY_LIMIT", 0)
    paths = pictures(tmp_path / "pictures", 3)
    with open_store(paths, tmp_path / "file/cache", "auto") as store:
        store.prepare()
        assert (store.cache, store.cached) == ("none", 0)
    with pytest.raises(DataError, match="Not a directory"):
        open_store(paths, tmp_path / "file/cache", "disk").prepare()


def test_threads_get_the_same_from_a_partial_cache(tmp_path: Path) -> None:
    paths = pictures(tmp_path / "pictures", 20)
    expected = np.stack([decode(path) for path in paths])
    with open_store(paths, tmp_path, "memory", limit=10 * IMAGE) as store:
        store.prepare()
        orders = [np.random.default_rng(seed).permutation(20) for seed in range(40)]
        with ThreadPoolExecutor(6) as pool:
            for order, (pixels, ok) in zip(orders, pool.map(store.batch, orders), strict=True):
                assert ok.all()
                np.testing.assert_array_equal(pixels, expected[order])


def test_the_disk_cache_leaves_no_file_behind(tmp_path: Path) -> None:
    with open_store(pictures(tmp_path / "pictures", 3), tmp_path / "cache", "disk") as store:
        store.prepare()
        assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_without_room_is_refused_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [Path("x")] * 1_000_000
    store = ImageStore(many, decode=decode, size=4000, cache="memory", directory=tmp_path)
    with pytest.raises(DataError, match=r"1000000 images of 4000 pixels take 48000\.0 GB"):
        store.prepare()
    monkeypatch.setattr(pixel_cache, "DISK_RESERVE", 10**18)
    with pytest.raises(DataError, match=rf"GB in {tmp_path}: fewer than"):
        open_store(pictures(tmp_path, 2), tmp_path, "disk").prepare()


def test_a_closed_store_gives_no_batches(tmp_path: Path) -> None:
    store = open_store(pictures(tmp_path, 2), tmp_path)
    store.prepare()
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="between prepare"):
        store.batch(np.array([0]))


def test_no_images_make_no_trouble(tmp_path: Path) -> None:
    for cache in CACHES:
        with open_store([], tmp_path, cache) as store:
            assert store.prepare() == ()
            assert store.batch(np.array([], np.int64))[0].shape == (0, SIZE, SIZE, 3)
