"""LLaVA conversations: what people ask about a picture or one person in it, turn by turn."""

from collections.abc import Iterator

from pipeline.dataset import Frame
from pipeline.text.captions import picture_caption
from pipeline.text.layout import SceneFacts
from pipeline.text.scene_captions import SCENE, whole_caption

IMAGE = "<image>\n"
"""Marks where the picture goes; before the first question, as LLaVA wants it."""


def conversations(frame: Frame, scene: SceneFacts, asked: list[dict]) -> Iterator[dict]:
    """One conversation about the picture and one about everybody surely in it.

    asked: rows of the questions, see `exports.text`. Yields dicts with id, image, conversations.
    """
    for person in (SCENE, *scene.order):
        if person == SCENE:
            first = "Describe the image."
            told = whole_caption(scene, "long").text
        else:
            first = f"Describe {scene.names[person]}."
            told = picture_caption(scene.people[person], "long").text
        turns = [(first, told)]
        turns += [(row["question"], row["answer"]) for row in asked if row["person"] == person]
        said = []
        for question, answer in turns:
            said.append({"from": "human", "value": question})
            said.append({"from": "gpt", "value": answer})
        said[0]["value"] = IMAGE + said[0]["value"]
        name = "scene" if person == SCENE else str(person)
        yield {
            "id": f"{frame.key}_{name}",
            "person": person,
            "image": f"images/{frame.key}.jpg",
            "conversations": said,
        }
