"""The banks of wordings: for every value of a fact, ways to say the same thing.

A person's own sides are always "their left"; sides of the picture are "the left of the image".
"""

POSTURE = {
    "standing": ("stands", "is standing"),
    "upright": ("is upright", "holds their body upright"),
    "on_feet": ("is on their feet",),
    "on_left_foot": (
        "is on their left foot with the right foot off the ground",
        "has only their left foot on the ground",
    ),
    "on_right_foot": (
        "is on their right foot with the left foot off the ground",
        "has only their right foot on the ground",
    ),
    "mid_air": ("is in mid-air", "is off the ground"),
    "squatting": ("squats", "is squatting down"),
    "crouching": ("crouches with both knees clearly bent", "is in a half squat"),
    "lunge_left": ("is in a lunge with the left leg in front", "lunges, left leg in front"),
    "lunge_right": ("is in a lunge with the right leg in front", "lunges, right leg in front"),
    "seated": ("is in a sitting position", "sits, thighs level"),
    "kneeling": ("kneels on both knees", "is kneeling on both knees"),
    "kneeling_on_left": ("kneels on their left knee", "is down on their left knee"),
    "kneeling_on_right": ("kneels on their right knee", "is down on their right knee"),
    "sitting_on_heels": ("kneels, sitting back on their heels", "sits on their heels"),
    "sitting": ("sits on the ground", "is sitting on the ground"),
    "reclining": (
        "sits on the ground, leaning back",
        "leans back while sitting on the ground",
    ),
    "lying_back": ("lies on their back", "is lying on their back"),
    "lying_front": ("lies on their front", "is lying face down"),
    "lying_left": ("lies on their left side", "is lying on their left side"),
    "lying_right": ("lies on their right side", "is lying on their right side"),
    "all_fours": ("is on all fours", "is on their hands and knees"),
    "plank": ("is in a push-up position", "holds a plank on their hands"),
    "forearm_plank": ("holds a plank on their forearms", "is in a plank on their forearms"),
}
FACING = {
    "front": ("facing the camera", "turned towards the camera"),
    "three_quarter_front": (
        "turned at an angle to the camera, towards the {side} of the image",
        "facing partly the camera and partly the {side} of the image",
    ),
    "profile": ("in profile, facing the {side} of the image",
                "seen from the side, facing the {side} of the image"),
    "three_quarter_back": (
        "seen at an angle from behind, facing towards the {side} of the image",
        "turned partly away from the camera, towards the {side} of the image",
    ),
    "back": ("with their back to the camera", "seen from behind"),
}  # fmt: skip
HEAD_END = {
    "left": ("with the head towards the left of the image", "head on the left in the image"),
    "right": ("with the head towards the right of the image", "head on the right in the image"),
}
LEAN = {
    "slightly_forward": ("leans slightly forward", "leans forward a little"),
    "slightly_backward": ("leans slightly back", "leans back a little"),
    "slightly_left": ("leans slightly to their left", "leans a little to their left"),
    "slightly_right": ("leans slightly to their right", "leans a little to their right"),
    "clearly_forward": ("leans forward", "is bent forward"),
    "clearly_backward": ("leans back", "is leaned back"),
    "clearly_left": ("leans to their left", "is bent to their left"),
    "clearly_right": ("leans to their right", "is bent to their right"),
    "far_forward": ("is bent far forward", "is bent far over to the front"),
    "far_backward": ("leans far back", "is leaned far back"),
    "far_left": ("leans far to their left", "is bent far over to their left"),
    "far_right": ("leans far to their right", "is bent far over to their right"),
}
TWIST = {
    side: (f"is twisted to their {side}", f"is turned to their {side} relative to the hips")
    for side in ("left", "right")
}
SIDE_BEND = {
    side: (f"is bent sideways to their {side}", f"is tilted to their {side}")
    for side in ("left", "right")
}
HEAD_TURN = {
    side: (f"is turned to their {side}", f"is rotated to their {side}")
    for side in ("left", "right")
}
HEAD_PITCH = {
    "down": ("is lowered", "is bowed"),
    "up": ("is raised, face up", "is tilted back, face up"),
}
HEAD_TILT = {
    side: (f"is tilted to their {side}", f"leans to their {side} shoulder")
    for side in ("left", "right")
}
LOOK = {
    "into_camera": ("they look into the camera", "their eyes are on the camera"),
}
GESTURE = {
    "arms_crossed": (
        "their arms are crossed in front of the chest",
        "they hold their arms crossed",
    ),
    "clasped_behind": (
        "their hands are together behind their back",
        "they hold their hands behind their back",
    ),
    "hands_together": ("their hands are together", "they hold their hands together"),
    "hands_on_hips": ("both hands are on their hips", "they have both hands on their hips"),
}
WITH_GESTURE = {
    "arms_crossed": ("with their arms crossed", "with arms crossed"),
    "clasped_behind": ("with their hands behind their back", "with both hands behind the back"),
    "hands_together": ("with their hands together", "with both hands together"),
    "hands_on_hips": ("with their hands on their hips", "with hands on hips"),
}
TOUCH = {
    "face": ("is at their face", "is held to their face"),
    "lower_face": ("is at their mouth or chin", "is held to the lower half of their face"),
    "ear": ("is at the side of their head", "is held to the side of their head"),
    "forehead": ("is at their forehead", "is held to their forehead"),
    "top_of_head": ("is on top of their head", "is held to the top of their head"),
    "back_of_head": ("is at the back of their head", "is held to the back of their head"),
    "neck": ("is at their neck", "is held to their neck"),
    "chest": ("is on their chest", "rests on their chest"),
    "belly": ("is on their belly", "rests on their belly"),
    "own_hip": ("is on their hip", "rests on their hip"),
    "own_thigh": ("is on their {own} thigh", "rests on their {own} thigh"),
    "other_thigh": ("is on their {other} thigh", "rests on their {other} thigh"),
    "own_knee": ("is on their {own} knee", "rests on their {own} knee"),
    "other_knee": ("is on their {other} knee", "rests on their {other} knee"),
    "own_shin": ("is on their {own} shin", "touches their {own} shin"),
    "other_shin": ("is on their {other} shin", "touches their {other} shin"),
    "own_foot": ("is at their {own} foot", "touches their {own} foot"),
    "other_foot": ("is at their {other} foot", "touches their {other} foot"),
    "other_forearm": ("is on their {other} forearm", "touches their {other} forearm"),
    "other_upper_arm": ("is on their {other} upper arm", "touches their {other} upper arm"),
    "floor": ("is on the ground", "rests on the ground"),
}
BOTH_TOUCH = {
    "own_hip": "hips", "own_thigh": "thighs", "own_knee": "knees", "own_shin": "shins",
    "own_foot": "feet",
}  # fmt: skip
DIRECTION = {
    "down": ("hang{s} down", "hang{s} at their side{n}"),
    "up": ("{is} stretched up", "{is} raised high"),
    "forward": ("{is} stretched out to the front", "{is} held out in front"),
    "backward": ("{is} stretched out behind", "reach{es} back"),
    "sideways": ("{is} stretched out to the side{n}", "{is} held out to the side{n}"),
    "forward_sideways": (
        "{is} stretched out between the front and the side{n}",
        "{is} held out diagonally to the front",
    ),
    "across": ("reach{es} across the body", "{is} stretched across the body"),
    "forward_up": ("{is} raised to the front", "reach{es} forward and up"),
    "forward_down": ("point{s} forward and down", "{is} held down and to the front"),
    "sideways_up": ("{is} raised to the side{n}", "reach{es} up and out to the side{n}"),
    "sideways_down": (
        "{is} held down and away from the body",
        "point{s} down and out to the side{n}",
    ),
    "backward_down": ("point{s} down and back", "{is} held down and to the back"),
}
HEIGHT = {
    "above_head": ("above their head", "higher than their head"),
    "head_top": ("as high as the top of their head", "level with the top of their head"),
    "head": ("at head height", "level with their head"),
    "shoulder": ("at shoulder height", "level with their shoulders"),
    "chest": ("at chest height", "level with their chest"),
    "waist": ("at waist height", "level with their waist"),
    "hip": ("at hip height", "level with their hips"),
    "below_hip": ("below hip height", "lower than their hips"),
}
PLACE = {
    "front": ("in front of the body", "in front of them"),
    "across": ("in front of the body", "in front of them"),
    "side": ("out at the side", "away from the body"),
    "behind": ("behind the body", "behind them"),
}
BEND = {
    "straight": ("straight",),
    "slightly": ("slightly bent",),
    "bent": ("bent",),
    "right_angle": ("bent at about a right angle",),
    "sharply": ("sharply bent",),
}
FEET_ACROSS = {
    "together": ("their feet are together", "their feet are close together"),
    "apart": ("their feet are apart", "their feet are set apart"),
    "wide": ("their feet are wide apart", "their feet are far apart sideways"),
    "crossed": ("their legs are crossed at the ankles", "their feet are crossed"),
}
FEET_ALONG = {
    "left": ("their left foot is ahead of the right", "the left foot is in front of the right one"),
    "right": (
        "their right foot is ahead of the left",
        "the right foot is in front of the left one",
    ),
}
LIFTED = {
    "behind": ("their {side} foot is lifted behind them", "their {side} leg is lifted to the back"),
    "ahead": ("their {side} foot is lifted in front of them", "their {side} leg is lifted forward"),
    "up": ("their {side} foot is lifted", "their {side} foot is held up"),
}
LEGS_FOLD = {
    "cross_legged": ("their legs are crossed in front of them", "they sit cross-legged"),
    "ankles_crossed": ("their ankles are crossed", "their legs are crossed at the ankles"),
}
LEG_FOLD = {
    "knee_up": ("knee is drawn up", "knee is up"),
    "stretched": ("leg is stretched out", "leg is extended"),
}
BOTH_LEGS_FOLD = {
    "knee_up": ("both knees are drawn up", "their knees are up"),
    "stretched": ("both legs are stretched out", "their legs are extended"),
}
HIDDEN = {
    "partly": ("they are partly hidden {by}", "part of them is hidden {by}"),
    "mostly": ("they are mostly hidden {by}", "most of them is hidden {by}"),
}
CUT = {
    "ankles": ("the image cuts them off at the ankles", "the image ends above their feet"),
    "shins": ("the image cuts them off below the knees", "the image ends at their shins"),
    "thighs": ("the image cuts them off above the knees", "the image ends at their thighs"),
    "waist": ("the image cuts them off at the waist", "the image ends at their waist"),
    "chest": ("the image cuts them off at the chest", "the image ends at their chest"),
    "shoulders": ("the image cuts them off at the shoulders", "only their head is in the image"),
    "edge": ("part of them is outside the image", "the edge of the image cuts part of them off"),
}
CUT_HEAD = {"head": ("their head is outside the image", "the image cuts their head off")}
IMAGE_PLACE = {
    "left": ("on the left of the image", "in the left part of the image"),
    "middle": ("in the middle of the image", "near the centre of the image"),
    "right": ("on the right of the image", "in the right part of the image"),
}
GARMENTS = {
    "tshirt": "T-shirt", "longsleeve": "long-sleeved shirt", "tank": "tank top", "top": "shirt",
}  # fmt: skip
PAIRS = ("trousers", "shorts", "jeans", "leggings", "pants", "tights", "overalls")
SHOES = {
    "sneaker": "sneakers", "high_top": "high-top sneakers", "boot": "boots", "loafer": "loafers",
    "flat": "flat shoes", "sandal": "sandals",
}  # fmt: skip
HAIR = {
    "buzz": "very short {colour} hair", "short": "short {colour} hair",
    "bob": "chin-length {colour} hair", "medium": "medium-length {colour} hair",
    "long": "long {colour} hair", "ponytail": "{colour} hair tied back",
    "bun": "{colour} hair tied up", "curly": "curly {colour} hair", "afro": "{colour} afro hair",
}  # fmt: skip
NOUNS = {
    ("child", "female"): "girl", ("child", "male"): "boy", ("teenager", "female"): "teenage girl",
    ("teenager", "male"): "teenage boy", ("adult", "female"): "woman", ("adult", "male"): "man",
    ("old", "female"): "woman", ("old", "male"): "man", ("baby", "female"): "baby",
    ("baby", "male"): "baby",
}  # fmt: skip
BUILD = {"slim": ("slim", "slender"), "heavy": ("heavily built", "heavyset")}
PLACES = {
    "city": "in a city", "courtyard": "in a courtyard", "field": "in an open landscape",
    "forest": "in a forest", "interior": "indoors", "plaza": "on a plaza", "room": "in a room",
    "night": "outdoors at night", "studio": "in a studio", "sunrise": "outdoors at sunrise",
    "sunset": "outdoors at sunset",
}  # fmt: skip
