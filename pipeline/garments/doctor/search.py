"""Which options make a file's cloth lie on the body: unit, axes, space, first frame, rate, offset.

Coarse to fine. All plain hypotheses (no offset) are scored on a grid at every possible first frame;
those with an offset slide downhill from three places on the body. The best of every set of
corrections are then scored finely, and the fewest corrections that explain the file win.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from pipeline.contracts import SubjectMotion
from pipeline.garments.cachefile import UNIT_M, GarmentCache
from pipeline.garments.doctor.fit import Skins, cost
from pipeline.garments.placing import space_frames

_AXES = ("z", "y", "-z", "-y", "x", "-x")
_PLAUSIBLE_M = (0.3, 4.0)
"""Diagonal of a garment's bounding box, from a pair of socks to a train."""
_LARGE_M = 2.0
"""The cost of a point counts against the garment's size, up to this one: what is shrunken to a
crumb lies close to the skin wherever it is."""
_RATES = (24.0, 25.0, 30.0, 50.0, 60.0, 120.0)
_STARTS = 60
"""First frames that are scored coarsely before the gaps between them are searched."""
_COARSE, _FINE = 100, 500
_ANCHORS = (9, 0, (4, 5))
"""Joints around which a garment may hang: chest, pelvis, between the knees."""
_WEIGHT = {"unit": 1.0, "axes": 1.0, "space": 1.0, "start": 1.0, "fps": 1.2, "offset": 1.5}
_RAISE, _RAISE_M = 1.3, 0.004
"""What fits as given is left alone unless it costs this much more than the best."""
_NEAR, _NEAR_M = 1.1, 0.0015
"""Hypotheses this close to the best explain the file as well."""
_SAME, _SAME_M = 1.05, 0.001
_ROUND = 1.05
"""An offset in whole centimetres may cost this much more than the best one."""
_MISSING = 0.5
"""A file that ends early costs this share more, were none of the clip covered."""
_TOUCH_M, _TOUCHES, _WITHIN = 0.015, 0.12, 0.01
"""Cloth this near the skin lies on it; the least share that does in a frame; the most below it."""


@dataclass(frozen=True)
class Found:
    """The options that fit, their cost per cloth point in metres, and that of the given ones."""

    options: GarmentCache
    cost_m: float
    given_m: float


def changes(given: GarmentCache, options: GarmentCache) -> frozenset[str]:
    """Which kinds of correction lie between two sets of options."""
    kinds = {
        "unit": ("unit",),
        "axes": ("up", "forward", "mirrored"),
        "space": ("space",),
        "start": ("start_frame",),
        "fps": ("fps",),
        "offset": ("offset_m",),
    }
    return frozenset(
        kind
        for kind, keys in kinds.items()
        if any(getattr(given, key) != getattr(options, key) for key in keys)
    )


class Search:
    """One file's cloth against one moving body.

    vertices: (S, N, 3) samples as the file has them. given: the options so far. skins: the body in
    some frames of `motion`, which runs at `fps`.
    """

    def __init__(
        self,
        vertices: np.ndarray,
        given: GarmentCache,
        motion: SubjectMotion,
        fps: float,
        skins: Skins,
    ) -> None:
        self.given, self.fps, self.skins = given, fps, skins
        self.samples = len(vertices)
        self.clip = len(motion.clip)
        extent = np.ptp(vertices[:: max(1, len(vertices) // 8)], axis=1)
        self._size = float(np.median(np.linalg.norm(extent, axis=1)))
        order = np.random.default_rng(0).permutation(vertices.shape[1])
        self._coarse = vertices[:, np.sort(order[:_COARSE])].astype(np.float64)
        self._fine = vertices[:, np.sort(order[:_FINE])].astype(np.float64)
        self.spaces: dict[str, np.ndarray] = {}
        for name in dict.fromkeys([given.space, "subject", "motion", "pelvis", "root"]):
            frames = space_frames(name, motion)[skins.number]
            if not any(np.allclose(frames, known, atol=1e-4) for known in self.spaces.values()):
                self.spaces[name] = frames
        anchors = [
            motion.joints[skins.number][:, joint].reshape(len(skins.number), -1, 3).mean(axis=1)
            for joint in map(list, ([_ANCHORS[0]], [_ANCHORS[1]], _ANCHORS[2]))
        ]
        self._anchors = np.stack(anchors, axis=1).astype(np.float64)
        self._turns = _turns(given, self._size)
        self._matrices = np.concatenate([turn.matrix().T for turn in self._turns], axis=1)

    def run(self, rates: bool = True) -> Found:
        """The corrections that explain the file; rates: whether its frame rate may be wrong."""
        scored = [(self.cost_m(self.given), self.given)]
        for hypotheses in (self._plain, self._shifted, self._other_rates):
            if self._snug(min(scored, key=_figure)[1]):
                break
            if rates or hypotheses != self._other_rates:
                scored += [(self.cost_m(options), options) for options in hypotheses(scored)]
        options = self._choose(scored)
        if "offset" in changes(self.given, options):
            options = self._rounded(self._polished(options, self._fine, 0.008, 0.001))
        return Found(options, self.cost_m(options), scored[0][0])

    def cost_m(self, options: GarmentCache, cloud: np.ndarray | None = None) -> float:
        """Mean fine cost of a cloud (S, n, 3) under some options."""
        height = self._heights(options, self._fine if cloud is None else cloud)
        if not height.size:
            return np.inf
        missing = 1 - len(height) / len(self.skins.number)
        return float(cost(height).mean()) / self._metres(options) * (1 + _MISSING * missing)

    def _heights(self, options: GarmentCache, cloud: np.ndarray) -> np.ndarray:
        """Heights (k, n) of a cloud in the chosen frames that the file covers, metres."""
        at, which = self._at(options.start_frame, options.fps)
        if not len(which):
            return np.zeros((0, 0))
        points = self._sampled(cloud, at) @ options.matrix().T + options.offset_m
        return self.skins.heights(self._placed(points, options.space, which), which)

    def _snug(self, options: GarmentCache) -> bool:
        """Whether cloth lies on the skin in all frames, and hardly any in it: no accident."""
        height = self._heights(options, self._fine)
        if not height.size:
            return False
        touches = (np.abs(height) < _TOUCH_M).mean(axis=1)
        within = (height < -_TOUCH_M / 3).mean(axis=1)
        return bool(touches.min() > _TOUCHES and within.max() < _WITHIN)

    def _metres(self, options: GarmentCache) -> float:
        """The garment's diagonal under some options, no more than 2 m."""
        return min(max(self._size, 1e-12) * UNIT_M[options.unit], _LARGE_M)

    def _at(self, start: int, fps: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Sample positions of the chosen clip frames, and which of those the file covers."""
        at = start + self.skins.number * ((fps or self.fps) / self.fps)
        which = np.flatnonzero(at <= self.samples - 1 + 1e-6)
        enough = len(which) >= max(2, len(at) / 2) or len(which) == len(at)
        return (at[which], which) if enough else (at[:0], which[:0])

    def _sampled(self, cloud: np.ndarray, at: np.ndarray) -> np.ndarray:
        low = np.minimum(np.floor(at + 1e-9).astype(int), len(cloud) - 1)
        share = np.clip(at - low, 0, 1)[:, None, None]
        return cloud[low] * (1 - share) + cloud[np.minimum(low + 1, len(cloud) - 1)] * share

    def _placed(self, points: np.ndarray, space: str, which: np.ndarray) -> np.ndarray:
        """Points (..., k, n, 3) of a space in the subject frame."""
        frames = self.spaces.get(space, self.spaces[self.given.space])[which]
        if not np.array_equal(frames[:, :3, :3], np.tile(np.eye(3), (len(frames), 1, 1))):
            points = points @ frames[:, :3, :3].transpose(0, 2, 1).astype(points.dtype)
        return points + frames[:, None, :3, 3].astype(points.dtype)

    def _turned(self, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Points (B, k, n, 3) f32 of every second chosen frame under all `turns`."""
        at, which = self._at(start, self.given.fps)
        at, which = at[::2], which[::2]
        points = self._sampled(self._coarse, at) @ self._matrices
        points = points.reshape(*points.shape[:2], len(self._turns), 3).transpose(2, 0, 1, 3)
        return np.ascontiguousarray(points, np.float32), which

    def _starts(self, many: int) -> list[int]:
        last = max(self.samples - max(2, round(0.5 * self.clip)), 0)
        some = np.linspace(0, last, min(many, last + 1)).round().astype(int).tolist()
        return list(dict.fromkeys([self.given.start_frame, *some]))

    def _plain(self, _scored) -> list[GarmentCache]:
        """The best hypothesis without an offset for every set of corrections, start refined."""
        turns = self._turns
        metres = np.array([self._metres(turn) for turn in turns])
        best: dict[frozenset[str], list[tuple[float, GarmentCache]]] = {}
        for start, space in product(self._starts(_STARTS), self.spaces):
            points, which = self._turned(start)
            if not len(which):
                continue
            points = points + np.array(self.given.offset_m, np.float32)
            height, _ = self.skins.coarse(self._placed(points, space, which), which)
            figures = cost(height, skin_m=0.015).mean(axis=(1, 2)) / metres
            for row in np.argsort(figures, kind="stable")[:6].tolist() + [0]:
                update = {"space": space, "start_frame": start}
                option = turns[row].model_copy(update=update)
                best.setdefault(changes(self.given, option), []).append((figures[row], option))
        tops = [o for rows in best.values() for _, o in sorted(rows, key=_figure)[:4]]
        moved = [o for o in tops if "start" in changes(self.given, o)]
        near = {o.start_frame: self._around(o.start_frame) for o in moved}
        return tops + [self._timed(option, near[option.start_frame]) for option in moved]

    def _around(self, start: int) -> list[int]:
        """A first frame and its neighbours among those that were scored."""
        starts = sorted(self._starts(_STARTS))
        at = starts.index(start)
        return starts[max(at - 1, 0) : at + 2]

    def _timed(self, options: GarmentCache, starts: list[int]) -> GarmentCache:
        """Options with the best first frame of `starts`, then of those around it.

        Cloth that has an offset keeps its mean place relative to the body.
        """
        slides = "offset" in changes(self.given, options)
        middle = self._middle(options) if slides else None

        def at(start: int) -> tuple[float, GarmentCache]:
            option = options.model_copy(update={"start_frame": start})
            if slides and np.isfinite(place := self._middle(option)).all():
                offset = np.array(options.offset_m) + middle - place
                option = option.model_copy(update={"offset_m": tuple(offset.tolist())})
            return self.cost_m(option, self._coarse), option

        best = min((at(start) for start in starts), key=_figure)
        step = max(int(np.ceil(max(np.diff(sorted(starts)), default=1) / 2)), 1)
        while True:
            here = best[1].start_frame
            near = [at(start) for start in (here - step, here + step) if start >= 0]
            best = min([best, *near], key=_figure)
            if best[1].start_frame == here:
                if step == 1:
                    return best[1]
                step = step // 2

    def _middle(self, options: GarmentCache) -> np.ndarray:
        """Mean cloth point (3,) relative to the body in the options' space, without offset."""
        at, which = self._at(options.start_frame, options.fps)
        if not len(which):
            return np.full(3, np.nan)
        frames = self.spaces.get(options.space, self.spaces[self.given.space])[which]
        body = self.skins.vertices[which].mean(axis=1) - frames[:, :3, 3]
        cloth = self._sampled(self._coarse, at).mean(axis=1) @ options.matrix().T
        return (cloth - np.einsum("kij,ki->kj", frames[:, :3, :3], body)).mean(axis=0)

    def _shifted(self, _scored) -> list[GarmentCache]:
        """Hypotheses with an offset: slid into place on a grid, the best ones finely."""
        turns = self._turns
        metres = np.array([self._metres(turn) for turn in turns])
        rows = []
        for start, space in product(self._starts(5), self.spaces):
            points, which = self._turned(start)
            if not len(which):
                continue
            for offset, figure in self._slid(points, space, which):
                figure = figure / metres
                for row in np.argsort(figure, kind="stable")[:4]:
                    update = {"space": space, "start_frame": start}
                    update["offset_m"] = tuple(offset[row].tolist())
                    rows.append((figure[row], turns[row].model_copy(update=update)))
                update = {"space": space, "start_frame": start}
                update["offset_m"] = tuple(offset[0].tolist())
                rows.append((figure[0], turns[0].model_copy(update=update)))
        best: dict[frozenset[str], list[tuple[float, GarmentCache]]] = {}
        for row in rows:
            best.setdefault(changes(self.given, row[1]), []).append(row)
        tops = [o for each in best.values() for _, o in sorted(each, key=_figure)[:3]]
        polished = [self._polished(option, self._coarse, 0.04, 0.008) for option in tops]
        polished.sort(key=lambda option: self.cost_m(option, self._coarse))
        timed = [self._timed(option, self._starts(_STARTS)) for option in polished[:6]]
        return polished + [self._polished(o, self._coarse, 0.02, 0.008) for o in timed]

    def _slid(self, points, space: str, which: np.ndarray):
        """Offsets (B, 3) and costs (B,) of points (B, k, n, 3) slid onto the body, per anchor."""
        frames = self.spaces[space][which].astype(np.float32)
        rotation, origin = frames[:, :3, :3], frames[:, :3, 3]
        middle = points.mean(axis=(1, 2))
        for anchor in range(self._anchors.shape[1]):
            place = self._anchors[which, anchor] - origin
            offset = (np.einsum("kij,ki->kj", rotation, place).mean(axis=0) - middle).astype("f4")
            for _ in range(12):
                placed = self._placed(points + offset[:, None, None], space, which)
                height, way = self.skins.coarse(placed, which)
                pull = np.where(height < 0, 3.0, 1.0) * np.clip(height, -0.2, 0.2)
                step = (pull[..., None, :] @ way)[..., 0, :]
                offset = offset - np.einsum("kij,bki->bj", rotation, step) / pull[0].size
            placed = self._placed(points + offset[:, None, None], space, which)
            figure = cost(self.skins.coarse(placed, which)[0], skin_m=0.015).mean(axis=(1, 2))
            yield offset, figure

    def _polished(self, options: GarmentCache, cloud, step_m: float, finest_m: float):
        """Options with the offset moved downhill along the axes, in ever smaller steps."""
        here, best = np.array(options.offset_m), self.cost_m(options, cloud)
        while step_m >= finest_m:
            moved = False
            for way in np.concatenate([np.eye(3), -np.eye(3)]) * step_m:
                trial = options.model_copy(update={"offset_m": tuple((here + way).tolist())})
                figure = self.cost_m(trial, cloud)
                if figure < best - 1e-6:
                    here, best, moved = here + way, figure, True
            step_m = step_m if moved else step_m / 2
        return options.model_copy(update={"offset_m": tuple(here.tolist())})

    def _rounded(self, options: GarmentCache) -> GarmentCache:
        """Options with an offset in whole centimetres, or else millimetres, if that fits as well.

        Cloth leaves a few millimetres of play, and people move things by round numbers.
        """
        low = [np.floor(v * 100) / 100 for v in options.offset_m]
        near = [
            tuple(round(v, 2) + 0.0 for v in row) for row in product(*((v, v + 0.01) for v in low))
        ]
        near = [options.model_copy(update={"offset_m": offset}) for offset in near]
        figure, rounded = min(((self.cost_m(option), option) for option in near), key=_figure)
        if figure <= _ROUND * self.cost_m(options):
            return rounded
        exact = tuple(round(v, 3) + 0.0 for v in options.offset_m)
        return options.model_copy(update={"offset_m": exact})

    def _other_rates(self, scored: list[tuple[float, GarmentCache]]) -> list[GarmentCache]:
        """The likeliest hypotheses without and with an offset at other frame rates."""
        plain = [row for row in scored if "offset" not in changes(self.given, row[1])]
        likely = [self.given, *(o for _, o in sorted(plain, key=_figure)[:2])]
        likely.append(min(scored, key=_figure)[1])
        rates = [rate for rate in _RATES if abs(rate - (self.given.fps or self.fps)) > 1e-6]
        found = []
        for option, rate in product(likely, rates):
            faster = option.model_copy(update={"fps": rate})
            found += [faster, faster.model_copy(update={"start_frame": self.given.start_frame})]
            found.append(self._timed(faster, self._starts(_STARTS // 4)))
        return found

    def _choose(self, scored: list[tuple[float, GarmentCache]]) -> GarmentCache:
        """The fewest corrections among hypotheses that fit about as well as the best one.

        scored: costs and options; the given ones come first.
        """
        least, best = min(scored, key=_figure)
        if scored[0][0] <= _RAISE * least + _RAISE_M:
            return self.given
        near = [row for row in scored[1:] if row[0] <= _NEAR * least + _NEAR_M]
        if self._snug(best):
            near = [row for row in near if self._snug(row[1])]
        fewest = min(self._weight(options) for _, options in near)
        near = [row for row in near if self._weight(row[1]) <= fewest + 1e-9]
        least = min(near, key=_figure)[0]
        same = [row for row in near if row[0] <= _SAME * least + _SAME_M]
        usual = min(_unusual(options) for _, options in same)
        return min((row for row in same if _unusual(row[1]) == usual), key=_figure)[1]

    def _weight(self, options: GarmentCache) -> float:
        return sum(_WEIGHT[kind] for kind in changes(self.given, options))


def _turns(given: GarmentCache, size: float) -> list[GarmentCache]:
    """The given options with every believable unit and every system of axes.

    size: diagonal of the garment in file units.
    """
    low, high = _PLAUSIBLE_M
    units = [u for u in (given.unit, *UNIT_M) if low <= size * UNIT_M[u] <= high]
    units = list(dict.fromkeys(units or [given.unit]))
    pairs = [(up, forward) for up, forward in product(_AXES, _AXES) if up[-1] != forward[-1]]
    return [
        given.model_copy(update={"unit": u, "up": up, "forward": forward, "mirrored": mirrored})
        for u, (up, forward), mirrored in product(units, pairs, (False, True))
    ]


def _figure(row: tuple[float, GarmentCache]) -> float:
    return row[0]


def _unusual(options: GarmentCache) -> int:
    """How rare a system of axes is: ours, the Y-up one of most programs, others, left-handed."""
    pair = (options.up, options.forward)
    common = {("z", "-y"): 0, ("y", "z"): 0, ("z", "y"): 1, ("y", "-z"): 1}
    return common.get(pair, 2) + 3 * options.mirrored
