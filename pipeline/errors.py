"""The two ways a stage may refuse: the user has to act, or one scene is not good enough."""


class GenbError(Exception):
    """Something the user must put right. Say what, where, and the next command to type."""


class SceneRejected(Exception):
    """One scene cannot be used; the reason is listed with the dataset and the run goes on."""
