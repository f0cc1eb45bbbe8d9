"""TokenHMR's files: tars of its `bedlam` data set, and the pose corpus of its tokenizer.

Its loader takes every folder below `dataset_tars/bedlam`, so only the training split lies there.
It evaluates a neutral SMPL from the first 72 numbers of `pose_cam` and the first 10 of `shape`:
with the user's SMPL files these are SMPL's own, without them SMPL-X's
(docs/exports-tokenhmr-agora.md).
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.dataset import Dataset, Frame
from pipeline.exports.bedlam_frames import body_row, is_portrait, stored_picture
from pipeline.exports.bedlam_rows import RowSource, betas_in_use, with_ones
from pipeline.exports.folder import images_by_split
from pipeline.exports.formats import ExportOptions
from pipeline.exports.pickles import load_pickle, pickle_bytes
from pipeline.exports.pose_corpus import corpus_folder, corpus_rows, read_corpus, write_corpus
from pipeline.exports.smpl_bodies import SmplBodies
from pipeline.exports.tars import people_masks, read_tars, write_tars
from pipeline.shards.read import Sample
from pipeline.storage import npz_bytes
from pipeline.truth.rle import rle_mask

FOLDERS = {
    "train": "dataset_tars/bedlam/genb_train",
    "val": "dataset_tars/bedlam_val/genb_val",
    "test": "dataset_tars/bedlam_test/genb_test",
}
"""Where the tars of a split lie below the export's folder."""

TURNED = "closeup"
"""In the key of a portrait: the loader then turns the picture to the right."""

_SMPLX_BETAS = 11


class TokenRows(RowSource):
    """Rows of TokenHMR: BEDLAM's, with SMPL's parameters where there is SMPL."""

    def __init__(self, dataset: Dataset, options: ExportOptions):
        super().__init__(dataset, options, max(_SMPLX_BETAS, betas_in_use(dataset)))
        self.smpl = SmplBodies(options)
        self.empty = 0

    def image(self, frame: Frame) -> list[dict]:
        """The rows of everybody in an image who is kept."""
        found = [self.person(frame, k) for k in range(len(frame.people))]
        found = [row for row in found if row is not None]
        for place, row in enumerate(found):
            row["detection_npz_idx"] = place
        self.empty += not found
        return found

    def person(self, frame: Frame, person: int) -> dict | None:
        """The row of a person; None, and counted, for who is left out."""
        points = frame.labels["joints_2d"][person]
        crop = self.crop(frame, person, points)
        if crop is None:
            return None
        body = body_row(frame, person)
        row = {
            "gender": "f" if frame.people[person]["sex"] == "female" else "m",
            "gtkps": with_ones(points),
            "center": crop.center,
            "scale": np.float64(crop.scale),
            "pose_cam": smpl_like(body["pose_cam"]),
            "shape": shape(frame.labels["betas"][person]),
            "trans_cam": body["trans_cam"],
            "cam_ext": body["cam_ext"],
            "cam_int": body["cam_int"],
            "body_model": "smplx",
            "mask": stored_mask(frame, person),
        }
        fit = self.smpl.fit(frame)
        if fit is None:
            return row
        return row | {
            "pose_cam": fit.pose[person],
            "shape": fit.betas[person].astype(np.float32),
            "trans_cam": fit.transl[person] - body["cam_ext"][:3, 3],
            "body_model": "smpl",
        }


def smpl_like(pose: np.ndarray) -> np.ndarray:
    """SMPL-X's pose (165,) for a reader of its first 72 numbers, with jaw and left eye straight.

    Where SMPL-X has these, SMPL has its hands: a gaze would turn a hand.
    """
    pose = pose.copy()
    pose[66:72] = 0
    return pose


def shape(betas: np.ndarray) -> np.ndarray:
    """All betas (B,) as float32, zeros up to BEDLAM's 11."""
    padded = np.zeros(max(_SMPLX_BETAS, len(betas)), np.float32)
    padded[: len(betas)] = betas
    return padded


def stored_mask(frame: Frame, person: int) -> np.ndarray:
    """The pixels (H, W) bool of a person as stored beside a picture; of a portrait (W, H).

    The loader turns a portrait's picture but mirrors its mask at the diagonal, so it is stored
    mirrored, which is not the way the picture lies.
    """
    width, height = frame.size
    mask = rle_mask(frame.people[person]["rle_modal"], height, width)
    return np.ascontiguousarray(mask.T) if is_portrait(frame) else mask


def stored_jpeg(frame: Frame) -> bytes:
    """The picture as stored: the dataset's own bytes, of a portrait turned to the left.

    Turning encodes anew, with the original's quantisation turned along, which keeps it within the
    rounding of a pixel or two instead of a second loss.
    """
    data = frame.sample.members["rgb.jpg"]
    if not is_portrait(frame):
        return data
    image, buffer = Image.open(io.BytesIO(data)), io.BytesIO()
    tables = [np.reshape(t, (8, 8)).T.ravel().tolist() for t in image.quantization.values()]
    turned = Image.fromarray(stored_picture(np.asarray(image)))
    turned.save(buffer, "JPEG", qtables=tables, subsampling=0)
    return buffer.getvalue()


def sample_key(frame: Frame) -> str:
    """Key of a sample in the tar."""
    return f"{frame.key}_{TURNED}" if is_portrait(frame) else frame.key


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[dict]:
    """One row per person who is kept, and those of the pose corpus (`pose_corpus.corpus_rows`).

    folder and key of the sample; gender; gtkps (127, 3) f32 px; center (2,) f64 px; scale f64;
    pose_cam (165,) or (72,) f64; shape f32; trans_cam (3,) f64 m; cam_ext (4, 4), cam_int (3, 3)
    f64; body_model 'smplx' or 'smpl'; mask bool as stored; detection_npz_idx.
    """
    source = TokenRows(dataset, options)
    for split in images_by_split(dataset, options):
        for frame in dataset.frames(split, members=()):
            for row in source.image(frame):
                yield {"folder": FOLDERS[split], "key": sample_key(frame)} | row
        yield from corpus_rows(dataset, split)


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write the tars and the pose corpus; returns notes. Raises GenbError."""
    source, notes = TokenRows(dataset, options), []
    for split in images_by_split(dataset, options):
        frames = dataset.frames(split, members=("rgb.jpg",))
        tars = write_tars(out / FOLDERS[split], _samples(frames, source))
        poses = write_corpus(dataset, out, split)
        notes.append(f"{FOLDERS[split]}: {len(tars)} tars; {corpus_folder(split)}: {poses} poses")
    if source.empty:
        notes.append(f"{source.empty} images left out: nobody in them is kept.")
    without = "`pose_cam` and `shape` are SMPL-X's, which the loader takes for SMPL's"
    if dataset.description["config"]["body"]["source"] == "free":
        without = "`pose_cam` is SMPL-X's, `shape` the free body's, which means nothing to SMPL"
    return [*source.notes(), *notes, source.smpl.note(without)]


def _samples(frames: Iterator[Frame], source: TokenRows) -> Iterator[Sample]:
    for frame in frames:
        people = source.image(frame)
        if people:
            masks = np.stack([row["mask"] for row in people])
            members = {
                "jpg": stored_jpeg(frame),
                "data.pyd": pickle_bytes([_stored(row) for row in people]),
                "detection.npz": npz_bytes({"masks": masks}),
            }
            yield Sample(sample_key(frame), members)


def _stored(row: dict) -> dict:
    """A row as the loader's dict: its place among the masks is in `extra_info`."""
    own = {n: v for n, v in row.items() if n not in ("mask", "detection_npz_idx")}
    return own | {"extra_info": {"detection_npz_idx": row["detection_npz_idx"]}}


def read(out: Path) -> Iterator[dict]:
    """The rows again. Raises GenbError when a tar or a file of poses is damaged."""
    for split, folder in FOLDERS.items():
        for sample in read_tars(Path(out) / folder):
            masks = people_masks(sample)
            people = load_pickle(sample.members["data.pyd"], f"{folder}, {sample.key}.data.pyd")
            for stored in people:
                place = stored.pop("extra_info")["detection_npz_idx"]
                added = {"mask": masks[place], "detection_npz_idx": place}
                yield {"folder": folder, "key": sample.key} | stored | added
        yield from read_corpus(out, split)
