"""The chain as a table: what each stage reads, and therefore under which key its output lives.

A stage key hashes the stage's version, the config sections it reads, the assets behind them and the
keys upstream. Changing the noise level never re-renders Blender; changing a light never
re-simulates cloth.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline import assets
from pipeline.config import Config
from pipeline.scene import SubjectSpec, scene_name
from pipeline.storage import canonical_json, sha256_text


@dataclass(frozen=True)
class Stage:
    """One link of the chain. `sections` (tables, or single keys as `table.key`) and `upstream`
    decide the key; bump `version` whenever the stage's code would write other bytes for the same
    input."""

    name: str
    version: int
    sections: tuple[str, ...]
    upstream: tuple[str, ...]
    asset_kinds: tuple[str, ...] = ()
    seeded: bool = False


_POSED_BY = (
    *("body.source", "body.evaluator", "body.kid_template", "plausibility"),
    *("motion.loop_blend_s", "motion.fill_hands", "motion.fill_gaze"),
    *("garments.ease_in_frames", "garments.shoes"),
)
_CAST_BY = ("cast", "motion", "body", "look.shoes", "scene.people")
_COMPOSED_BY = (
    *("scene", "camera", "light", "place", "body"),
    *("look.hair", "look.hair_meshes", "look.hair_mesh_share"),
)
_RENDERED_BY = (
    *("render", "look.fabric_folders", "look.fabric_share"),
    *("look.skin_folders", "look.skin_share"),
)

STAGES = {
    stage.name: stage
    for stage in (
        Stage("pose", 3, _POSED_BY, (), asset_kinds=("body",)),
        Stage("dress", 6, ("garments",), ("pose",), ("shoes",)),
        Stage("cast", 4, _CAST_BY, ("dress",), ("motion", "clothed"), seeded=True),
        Stage("compose", 7, _COMPOSED_BY, ("cast",), ("place",), seeded=True),
        Stage("bodies", 3, (), ("compose", "pose")),
        Stage(
            "render", 6, _RENDERED_BY, ("bodies", "dress"), asset_kinds=("hdri", "look", "place")
        ),
        Stage("truth", 9, ("audit", "exposure"), ("render",)),
        Stage("rerender", 3, ("diffusion",), ("truth",), asset_kinds=("diffusion",), seeded=True),
        Stage("shards", 8, ("shards",), ("rerender",), asset_kinds=("dense",)),
    )
}
SCENE_STAGES = ("compose", "bodies", "render", "truth", "rerender")


def _setting(config: Config, dotted: str) -> object:
    """A table or a single value of the configuration, as JSON data."""
    section, _, key = dotted.partition(".")
    table = getattr(config, section).model_dump(mode="json")
    return table[key] if key else table


@dataclass(frozen=True)
class Plan:
    """Where everything of one dataset lives. Pure: computing a path does no work."""

    config: Config
    seed: int
    out: Path

    @cached_property
    def _keys(self) -> dict[str, str]:
        keys: dict[str, str] = {}
        for stage in STAGES.values():
            identity = {
                "stage": stage.name,
                "version": stage.version,
                "config": {s: _setting(self.config, s) for s in stage.sections},
                "upstream": {name: keys[name] for name in stage.upstream},
                "assets": {
                    kind: assets.fingerprint(kind, self.config) for kind in stage.asset_kinds
                },
                "seed": self.seed if stage.seeded else None,
            }
            keys[stage.name] = sha256_text(canonical_json(identity))[:16]
        return keys

    def key(self, stage: str) -> str:
        """Stage key: 16 hex digits."""
        return self._keys[stage]

    def stage_dir(self, stage: str) -> Path:
        """Folder of a stage's outputs under this configuration."""
        return self.out / "work" / stage / self.key(stage)

    def scene_dir(self, stage: str, scene: int) -> Path:
        """Folder of one scene's output; it exists only when complete."""
        return self.stage_dir(stage) / scene_name(scene)

    def subject_dir(self, stage: str, subject: SubjectSpec) -> Path:
        """Folder of one subject's output (`pose` or `dress`); it exists only when complete."""
        return self.stage_dir(stage) / subject.digest()

    @property
    def body_dir(self) -> Path:
        """Folder that holds `smplx/SMPLX_*.npz` and, for the free body, `people.npz`."""
        return assets.body_dir(self.config)

    @property
    def logs_dir(self) -> Path:
        """Folder of stage logs and replayable job files."""
        return self.out / "work" / "logs"
