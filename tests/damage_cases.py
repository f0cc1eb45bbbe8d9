"""A table of damage to one sample: in words, what is changed, and what a fault must say.

`damage_to_labels` and `damage_to_pixels` fill it. The sample is 000000_0000 of the made dataset:
three people (0 in a shirt), a box, two frames.
"""

from damaged_shards import archive_change, array_change, image_change, label_change, rewrite

KEY = "000000_0000"

CASES = {}
"""Damage in words -> change of the sample's members, and what a fault must say."""


def case(told: str, fault: str, kind=lambda change: change):
    """Register a damage; kind: what it is a change of."""

    def register(change):
        CASES[told] = (kind(change), fault)
        return change

    return register


def of_labels(told: str, fault: str):
    return case(told, fault, label_change)


def of_facts(told: str, fault: str):
    return case(told, fault, rewrite)


def of_person(told: str, fault: str, number: int = 1):
    """A change of one person's facts."""

    def kind(change):
        return rewrite(lambda facts: change(facts["people"][number]))

    return case(told, fault, kind)


def of_image(member: str, told: str, fault: str):
    return case(told, fault, lambda change: image_change(member, change))


def of_array(member: str, told: str, fault: str):
    return case(told, fault, lambda change: array_change(member, change))


def of_geometry(told: str, fault: str):
    return case(told, fault, lambda change: archive_change("geometry.npz", change))


def both(labels_change, facts_change):
    """A change of the labels, and of the JSON that tells the same."""

    def spoil(members):
        label_change(labels_change)(members)
        rewrite(facts_change)(members)

    return spoil
