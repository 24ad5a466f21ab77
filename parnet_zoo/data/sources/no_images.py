"""What to say where no images are found."""

from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError


def no_images(root: Path, wrong: str, split: str = "train") -> DataError:
    """An error that shows what is expected.

    Args:
        root: Where it was looked for.
        wrong: What is wrong, the beginning of the message.
        split: The folder that is missing.
    """
    shown = Path(escaped(root))
    return DataError(
        f"{wrong}; expected is one folder for each class, at least two classes:\n"
        f"  {shown / split / 'CLASS'}/*.jpg   (other formats too: .png, .webp, .bmp, ...)\n"
        f"  {shown / 'test' / 'CLASS'}/*.jpg   (the same classes; may be missing)\n"
        f"or {shown / 'CLASS'}/*.jpg alone, a .tar of such a folder, or a list (.csv, .tsv, .jsonl)"
    )
