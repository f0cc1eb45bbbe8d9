"""The tables of a configuration: every option with its default, unit and range.

Defaults live here and nowhere else. `pipeline.config` puts the tables together and reads them from
TOML files; `[execution]` never changes a result and is left out of every stage key.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _ordered(pair: tuple) -> tuple:
    if pair[0] > pair[1]:
        raise ValueError(f"a range is [low, high], but {pair[0]} > {pair[1]}")
    return pair


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
IntRange = Annotated[tuple[int, int], AfterValidator(_ordered)]
Unit = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A config table: immutable, and a typo in a key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SceneSection(Section):
    """Who stands where, and for how many frames.

    `placement` names the rule: `circle` spreads people over a round stage, `bedlam` places the
    floor area swept by each clip on a square stage, `crowd` packs people before the camera and
    steers how much they hide each other towards `occlusion`.
    """

    people: IntRange = (1, 4)
    frames: Annotated[int, Field(ge=1, le=240)] = 1
    frame_step: Annotated[int, Field(ge=1, le=60)] = 1
    placement: Literal["circle", "bedlam", "crowd"] = "circle"
    stage_radius_m: Annotated[float, Field(gt=0)] = 1.7
    area_x_m: Range = (-1.0, 1.0)
    area_y_m: Range = (-1.0, 1.0)
    safety_m: Annotated[float, Field(gt=0)] = 10.0
    footprint_radius_m: Annotated[float, Field(gt=0)] = 0.5
    yaw_deg: Range = (0.0, 360.0)
    facing_share: Unit = 0.65
    occlusion: Range = (0.0, 0.9)
    gap_m: Annotated[float, Field(ge=0)] = 0.06
    max_penetration_mm: Annotated[float, Field(ge=0)] = 0.0
    max_placement_tries: Annotated[int, Field(ge=1)] = 400

    @model_validator(mode="after")
    def _possible(self):
        if self.people[0] < 1:
            raise ValueError("people must be at least 1")
        if not (self.occlusion[0] >= 0 and self.occlusion[1] <= 1):
            raise ValueError("occlusion is a share: it must lie within 0 and 1")
        return self

    @property
    def span(self) -> int:
        """Clip frames from a scene's first to its last."""
        return (self.frames - 1) * self.frame_step + 1


class CastSection(Section):
    """The pool of dressed, moving subjects that scenes draw from.

    A subject is one body, one motion clip and one simulated outfit; simulating is the dear part, so
    the same subject appears in many scenes at other moments, places and colours. clothed: folders
    (absolute, or below $GENB_ASSETS) of motion files with simulated garments beside them
    (docs/garment-files.md); clothed_share of the cast comes from there. val_share, test_share: of
    the scenes, which show people and motions that no training scene shows; a cast too small to be
    divided holds nothing out, and the dataset says so (docs/dataset.md).
    """

    size: Annotated[int, Field(ge=1, le=10_000)] = 20
    val_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    test_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    children_share: Unit = 0.12
    female_share: Unit = 0.5
    clip_frames: Annotated[int, Field(ge=1, le=240)] = 20
    fps: Annotated[float, Field(gt=0)] = 25.0
    outfits: list[str] = []
    clothed: list[str] = []
    clothed_share: Unit = 0.5

    @model_validator(mode="after")
    def _leaves_training(self):
        if self.val_share + self.test_share > 0.5:
            raise ValueError("val_share and test_share may not take more than half of the scenes")
        return self


class MotionSource(Section):
    """Where clips come from: the built-in library, or a folder of motion files.

    `folder` is absolute, or relative to $GENB_ASSETS. `include` and `exclude` are patterns
    (fnmatch) over clip ids: family names, or file paths below the folder without their ending.
    `up` says which axis of the files points up; `auto` knows it from the format.
    """

    kind: Literal["library", "auto", "amass", "bedlam", "smplx", "bvh"] = "library"
    folder: str = ""
    include: list[str] = ["*"]
    exclude: list[str] = []
    weight: Annotated[float, Field(gt=0)] = 1.0
    up: Literal["auto", "y", "z"] = "auto"

    @model_validator(mode="after")
    def _has_folder(self):
        if (self.kind == "library") == bool(self.folder):
            raise ValueError("the library has no folder; every other kind needs one")
        return self


class MotionSection(Section):
    """Which motions the cast performs, and how motion files are completed.

    loop: a file shorter than the clip is repeated, its end blended into its start. fit_stride:
    scale the travel of files to the legs of whoever performs them. fill_hands,
    fill_gaze: give relaxed hands and wandering eyes to files that have none of their own.
    """

    sources: Annotated[list[MotionSource], Field(min_length=1)] = [MotionSource(kind="library")]
    mirror_share: Unit = 0.5
    loop: bool = True
    fit_stride: bool = True
    loop_blend_s: Annotated[float, Field(gt=0, le=2)] = 0.4
    fill_hands: bool = True
    fill_gaze: bool = True


class PlausibilitySection(Section):
    """What a moving body must keep to be believed, measured on its mesh over the whole clip.

    A clip beyond a limit is refused with its figure, and the part goes to another candidate. The
    figures in mm are 95th percentiles over frames, `slide` is the speed of the carrying feet over
    the floor; flight phases do not float.
    """

    max_float_mm: Annotated[float, Field(ge=0)] = 20.0
    max_sink_mm: Annotated[float, Field(ge=0)] = 20.0
    max_slide_mm_s: Annotated[float, Field(ge=0)] = 150.0
    max_self_penetration_mm: Annotated[float, Field(ge=0)] = 35.0
    joint_slack_deg: Annotated[float, Field(ge=0)] = 15.0


class Spread(Section):
    """A distribution to draw people by: values outside `range` are never drawn; with `mean` and
    `std` the rest is weighted to a normal distribution, without them it stays as it comes."""

    range: Range
    mean: float | None = None
    std: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _complete(self):
        if (self.mean is None) != (self.std is None):
            raise ValueError("give mean and std together, or neither")
        return self


class BodySection(Section):
    """Which body model, and how its shapes are drawn.

    shapes: `people` draws rows of the free body's table of people (known age, sex and mass),
    `normal` and `uniform` draw each coefficient by itself within `beta_limit` (licensed SMPL-X has
    no table and always does). `beta_std` scales either. `gender`: one neutral model for all, or
    the male and female ones. `kid_template` is AGORA's file for children of the licensed model.
    """

    source: Literal["free", "smplx"] = "free"
    gender: Literal["neutral", "gendered"] = "neutral"
    num_betas: Annotated[int, Field(ge=1, le=300)] = 16
    shapes: Literal["people", "normal", "uniform"] = "people"
    beta_std: Annotated[float, Field(gt=0, le=2)] = 1.0
    beta_limit: Annotated[float, Field(gt=0, le=6)] = 3.0
    age_years: Spread = Spread(range=(18.0, 85.0))
    child_age_years: Spread = Spread(range=(3.0, 18.0))
    bmi: Spread = Spread(range=(13.0, 42.0))
    expression_std: Annotated[float, Field(ge=0, le=2)] = 0.5
    gaze_at_camera_share: Unit = 0.35
    kid_template: str = "smplx/smplx_kid_template.npy"
    evaluator: Literal["smplx", "numpy"] = "smplx"


class GarmentSection(Section):
    """Cloth simulation.

    ease_in_frames: the least frames from the T-pose to the clip's first pose; poses far from it
    take more. clearance_mm: distance of settled cloth from the skin. A garment with more than
    max_inside_share of its vertices inside the body in a frame, or one deeper than
    max_depth_mm, costs its subject the part; so does one of which max_pinched_share lies between
    body parts that press on each other. self_collision: cloth also meets itself (slower). wind: m/s
    of a level wind (2 moves a hem, 6 lifts a skirt); wind_from_deg: 0 from
    ahead of the person, 90 from their left; gusts: share by which its speed swells and falls.
    """

    ease_in_frames: Annotated[int, Field(ge=5, le=120)] = 18
    quality: Annotated[int, Field(ge=1, le=40)] = 6
    collision_quality: Annotated[int, Field(ge=1, le=20)] = 3
    collision_distance_mm: Annotated[float, Field(gt=0, le=20)] = 3.0
    clearance_mm: Annotated[float, Field(gt=0, le=20)] = 2.5
    max_inside_share: Unit = 0.005
    max_depth_mm: Annotated[float, Field(ge=0)] = 5.0
    max_pinched_share: Unit = 0.3
    self_collision: bool = False
    wind: Annotated[float, Field(ge=0, le=20)] = 0.0
    wind_from_deg: float = 0.0
    gusts: Unit = 0.0
    shoes: bool = True


class LightSection(Section):
    """Image-based light."""

    hdris: list[str] = ["city", "courtyard", "forest", "sunrise", "interior", "studio"]
    strength: Range = (0.9, 1.1)
    exposure_stops: Range = (-0.25, 0.35)
    rotation_deg: Range = (0.0, 360.0)


class RenderSection(Section):
    """Cycles. prefilter: how carefully the denoiser cleans its guides. noise_threshold: above 0,
    every pixel gets samples until its noise is below it, `samples` at the most; 0 gives all pixels
    the same. The layers `quality/draft` and `quality/fine` set all of them (docs/rendering.md)."""

    samples: Annotated[int, Field(ge=1, le=65536)] = 16
    noise_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    denoise: bool = True
    prefilter: Literal["fast", "accurate"] = "fast"
    view_transform: Literal["AgX", "Filmic", "Standard"] = "AgX"
    hair: bool = True


class AuditSection(Section):
    """Limits an image must keep before its labels are believed. max_near_share: of pixels that show
    something nearer than 0.25 m, beyond which the camera is taken to be inside or behind it."""

    min_silhouette_iou: Unit = 0.99
    max_vertex_error_px: Annotated[float, Field(gt=0)] = 0.1
    max_depth_error_mm: Annotated[float, Field(gt=0)] = 1.0
    max_parameter_error_mm: Annotated[float, Field(gt=0)] = 0.2
    min_joints_in_mask: Unit = 0.98
    min_clothed_in_front: Unit = 0.98
    max_interpenetration_mm: Annotated[float, Field(ge=0)] = 15.0
    max_near_share: Unit = 0.25


class ExposureSection(Section):
    """Limits beyond which a picture counts as black or blown out, and its scene is rejected.

    Shares of the picture that are black or white, the median display luma of the people (0 to 1),
    and the share of their pixels that is black or white.
    """

    max_black_share: Unit = 0.9
    max_white_share: Unit = 0.7
    min_people_luma: Unit = 0.04
    max_people_luma: Unit = 0.92
    max_people_clipped: Unit = 0.35


class DenseMatrix(Section):
    """A matrix of dense key-points: a file, absolute or below $GENB_ASSETS.

    via: the matrix from the bodies to SMPL, where `path` is for SMPL's vertices.
    """

    path: Annotated[str, Field(min_length=1)]
    via: str = ""


class ShardSection(Section):
    """What is written for training code.

    body_model: put the body model files into the dataset (`body/`), so that its parameters can be
    evaluated anywhere; licensed files are never copied. dense_matrices: sets of `dense_keypoints`
    that are not chosen vertices but a matrix of yours times the vertices, by their size:
    `{ "437" = "downsample_mat_smplx.pkl" }`, absolute or below $GENB_ASSETS; one for SMPL's
    vertices goes by way of another, `{ path = "...", via = "smplx2smpl.pkl" }` (docs/smpl.md).
    """

    scenes_per_shard: Annotated[int, Field(ge=1, le=100_000)] = 10
    jpeg_quality: Annotated[int, Field(ge=50, le=100)] = 95
    dense_keypoints: list[int] = [138, 437]
    dense_matrices: dict[str, DenseMatrix | str] = {}
    geometry: bool = True
    body_model: bool = True

    @model_validator(mode="after")
    def _matrices_are_sets(self):
        for size in self.dense_matrices:
            if size not in {str(n) for n in self.dense_keypoints}:
                raise ValueError(
                    f"dense_matrices has {size!r}, which is not a size in dense_keypoints "
                    f"({self.dense_keypoints})"
                )
        return self

    @property
    def matrices(self) -> dict[str, DenseMatrix]:
        """`dense_matrices`, plain paths as tables too."""
        return {
            size: DenseMatrix(path=entry) if isinstance(entry, str) else entry
            for size, entry in self.dense_matrices.items()
        }


class LimitSection(Section):
    """When a run counts as failed."""

    max_reject_share: Unit = 0.2


class ExecutionSection(Section):
    """How fast, never what: nothing here changes a byte of the dataset.

    cloth_store_gib: size of the store of cloth simulations in the cache folder, shared by all
    datasets; 0 keeps none. model_scenes: scenes re-rendered by one process, which loads its models
    once (whole shards; without a model, one shard). batch: pictures re-rendered at once on a GPU (a
    CPU paints one by one).
    offload: where models wait: `none`, on the device; `model`, in main memory, one part at a time
    on the device; `sequential`, layer by layer (slow, least memory). Too little memory is answered
    with smaller batches and more saving before it is an error.
    """

    device: Literal["cpu", "cuda", "optix", "hip", "metal", "oneapi"] = "cpu"
    threads: Annotated[int, Field(ge=0)] = 0
    scene_time_limit_s: Annotated[float, Field(gt=0)] = 1800.0
    cloth_store_gib: Annotated[float, Field(ge=0)] = 4.0
    model_scenes: Annotated[int, Field(ge=1)] = 200
    batch: Annotated[int, Field(ge=1, le=64)] = 1
    offload: Literal["none", "model", "sequential"] = "none"
