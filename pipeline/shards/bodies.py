"""The body model beside its parameters: without it nobody could turn a pose into vertices.

A free model is copied into the dataset; of a licensed one only the checksum is told, so that its
owner can see whether theirs is the same file.
"""

import shutil

from pipeline import assets
from pipeline.body.modelfile import model_path
from pipeline.stages import Plan
from pipeline.storage import atomic_file, sha256_file

FOLDER = "body"


def publish_bodies(plan: Plan, genders: list[str]) -> dict:
    """Copy the body model files of `genders` to OUT/body where their licence allows it.

    Returns {'source', 'files': [{'path', 'gender', 'sha256', 'included'}]}; `path` is below OUT.
    """
    source = plan.config.body.source
    free = assets.manifest("body")[source].asset.redistributable
    included = free and plan.config.shards.body_model
    shutil.rmtree(plan.out / FOLDER, ignore_errors=True)
    files = []
    for gender in genders:
        original = model_path(plan.body_dir, gender)
        path = model_path(plan.out / FOLDER, gender)
        if included:
            with atomic_file(path) as partial:
                shutil.copyfile(original, partial)
        files.append(
            {
                "path": path.relative_to(plan.out).as_posix(),
                "gender": gender,
                "sha256": sha256_file(original),
                "included": included,
            }
        )
    return {"source": source, "files": files}
