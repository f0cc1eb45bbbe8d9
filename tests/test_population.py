"""Who is drawn: shares, shapes and spreads are the configured ones, statistically.

Kolmogorov-Smirnov distances are held against c / sqrt(n) with c = 1.95, which a sample of the right
distribution exceeds once in a thousand times; seeds are fixed, so a test passes or fails for good.
"""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest, norm, truncnorm, uniform

from pipeline.body.measures import measure_bodies
from pipeline.body.modelfile import model_path, read_model_file
from pipeline.body.people import POOL_SIZE
from pipeline.body.spread import Wish, sample_spread, spread_weights, truncated_normal
from pipeline.compose.population import Population
from pipeline.config import Config, Spread, load_config
from pipeline.errors import GenbError

KS = 1.95
DRAWS = 3000


def configured(cast=None, **body) -> Config:
    cast = {"children_share": 0.0} | (cast or {})
    return Config.model_validate({"cast": cast, "body": body})


def drawn(config, body_dir, count=DRAWS, seed=1):
    population = Population(config, body_dir)
    rng = np.random.default_rng(seed)
    return population, [population.sample_person(rng) for _ in range(count)]


def table_rows(population, people, column="betas"):
    """Row of the table that each drawn person is, by its coefficients."""
    count = len(people[0].betas)
    known = population.table[column][:, :count].astype(float)
    row_of = {row.tobytes(): k for k, row in enumerate(np.round(known, 4))}
    return np.array([row_of[np.round(p.betas, 4).tobytes()] for p in people])


def within(share, wanted, count):
    """Four standard deviations of a binomial share."""
    return abs(share - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / count)


# --- shares ---


def test_shares_of_children_and_women(body_dir):
    config = configured({"children_share": 0.3, "female_share": 0.8})
    _, people = drawn(config, body_dir)
    child = np.array([p.age_years < 18 for p in people])
    female = np.array([p.sex == "female" for p in people])
    assert within(child.mean(), 0.3, DRAWS) and within(female.mean(), 0.8, DRAWS)
    # Independently of each other.
    assert within(female[child].mean(), 0.8, child.sum())


@pytest.mark.parametrize(("share", "sex"), [(0.0, "male"), (1.0, "female")])
def test_a_share_of_all_or_none_is_exact(body_dir, share, sex):
    config = configured({"children_share": share, "female_share": share})
    _, people = drawn(config, body_dir, 300)
    assert {p.sex for p in people} == {sex}
    assert {p.age_years < 18 for p in people} == {bool(share)}


def test_a_caller_may_deal_out_age_and_sex(body_dir):
    population = Population(configured({"children_share": 0.2}), body_dir)
    rng = np.random.default_rng(2)
    for child in (False, True):
        for female in (False, True):
            people = [population.sample_person(rng, child, female) for _ in range(20)]
            assert {(p.age_years < 18, p.sex == "female") for p in people} == {(child, female)}
    grown = Population(configured(), body_dir)
    with pytest.raises(ValueError, match="child=True.*children_share is 0"):
        grown.sample_person(rng, child=True)


def test_the_same_generator_gives_the_same_people(body_dir):
    config = configured({"children_share": 0.2})
    first, again, other = (drawn(config, body_dir, 40, seed)[1] for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        assert (a.sex, a.age_years, a.ancestry, a.kid) == (b.sex, b.age_years, b.ancestry, b.kid)
        np.testing.assert_array_equal(a.betas, b.betas)
    assert any(not np.array_equal(a.betas, b.betas) for a, b in zip(first, other, strict=True))


# --- the table of people ---


def test_people_are_the_tables(body_dir):
    population, people = drawn(configured({"children_share": 0.3}, num_betas=300), body_dir, 200)
    table = population.table
    for person, row in zip(people, table_rows(population, people), strict=True):
        assert person.sex == table["gender"][row] and person.gender == "neutral"
        assert person.age_years == pytest.approx(table["age_years"][row], abs=0.051)
        np.testing.assert_allclose(person.ancestry, table["ancestry"][row], atol=0.001)
        np.testing.assert_allclose(person.betas, table["betas"][row], atol=1e-6)


@pytest.mark.parametrize("num_betas", [10, 11, 16, 300])
def test_gendered_people_come_with_their_own_betas(body_dir, num_betas):
    config = configured({"children_share": 0.3}, gender="gendered", num_betas=num_betas)
    population, people = drawn(config, body_dir, 50)
    rows = table_rows(population, people, "betas_gendered")
    for person, row in zip(people, rows, strict=True):
        assert person.gender == person.sex == population.table["gender"][row]
        assert person.betas.shape == (num_betas,)


def test_without_a_mean_people_come_as_they_are(body_dir):
    population, people = drawn(configured({"female_share": 1.0}), body_dir)
    table = population.table
    everybody = (table["gender"] == "female") & (table["age_years"] >= 18)
    low, high = load_config("genb").body.bmi.range
    everybody &= (table["bmi"] >= low) & (table["bmi"] <= high)
    chosen = table["bmi"][table_rows(population, people)]
    own = np.sort(table["bmi"][everybody])
    distance = np.abs(
        np.searchsorted(np.sort(chosen), own, side="right") / DRAWS
        - np.arange(1, len(own) + 1) / len(own)
    ).max()
    assert distance < KS / np.sqrt(DRAWS)


@pytest.mark.parametrize(("mean", "std"), [(22.0, 2.0), (25.0, 2.5), (28.0, 3.0)])
def test_bmi_follows_a_normal_distribution(body_dir, mean, std):
    wish = {"range": [18.0, 36.0], "mean": mean, "std": std}
    population, people = drawn(configured(bmi=wish), body_dir)
    rows = table_rows(population, people)
    wanted = truncnorm((18 - mean) / std, (36 - mean) / std, mean, std)
    for sex in ("male", "female"):
        bmi = population.table["bmi"][rows][population.table["gender"][rows] == sex]
        assert bmi.min() >= 18 and bmi.max() <= 36
        # The pool is finite: weighted, it is worth n_eff people, and so is any sample of it.
        weights = spread_weights([_bmi_wish(population, sex, wish)], "")
        effective = 1 / (1 / len(bmi) + (weights**2).sum())
        assert kstest(bmi, wanted.cdf).statistic < KS / np.sqrt(effective)
        assert abs(bmi.mean() - wanted.mean()) < 4 * std / np.sqrt(effective)


def _bmi_wish(population, sex, wish):
    table = population.table
    mine = (table["gender"] == sex) & (table["age_years"] >= 18)
    return Wish("body.bmi", Spread.model_validate(wish), table["bmi"][mine])


def test_a_shifted_mean_shifts_the_mass(body_dir):
    means = []
    for mean in (21.0, 27.0):
        wish = {"range": [15.0, 40.0], "mean": mean, "std": 2.0}
        population, people = drawn(configured(bmi=wish), body_dir)
        means.append(population.table["bmi"][table_rows(population, people)].mean())
    # Four standard errors of a standard deviation of 2 over some 400 effective people.
    assert means == pytest.approx([21.0, 27.0], abs=0.4)


def test_ages_and_bmi_are_wished_for_together(body_dir):
    ages = {"range": [20.0, 70.0], "mean": 40.0, "std": 8.0}
    bmis = {"range": [17.0, 34.0], "mean": 25.0, "std": 2.5}
    population, people = drawn(configured(age_years=ages, bmi=bmis), body_dir)
    age = np.array([p.age_years for p in people])
    bmi = population.table["bmi"][table_rows(population, people)]
    assert age.min() >= 20 and age.max() <= 70 and bmi.min() >= 17 and bmi.max() <= 34
    for values, wish in ((age, ages), (bmi, bmis)):
        # Two wishes rest on some 200 effective people; 0.4 std is five standard errors and more.
        assert abs(values.mean() - wish["mean"]) < 0.4 * wish["std"]
        assert 0.7 < values.std() / wish["std"] < 1.3


def test_children_keep_to_their_ages(body_dir):
    config = configured({"children_share": 1.0}, child_age_years={"range": [6.0, 9.0]})
    _, people = drawn(config, body_dir, 300)
    ages = [p.age_years for p in people]
    assert min(ages) >= 5.95 and max(ages) <= 9.05  # ages are rounded to 0.1


def test_beta_std_scales_differences_but_not_ages(body_dir):
    """At almost no spread a child is the typical child of its age, not a shrunk average adult."""
    config = configured({"children_share": 0.5}, beta_std=0.01, num_betas=300)
    population, people = drawn(config, body_dir, 200)
    file = read_model_file(model_path(body_dir, "neutral"))
    basis = file.shape_basis(300)[:, 1].astype(np.float32)
    for person in people[::10]:
        stature = np.ptp(file.v_template[:, 1] + basis @ person.betas)
        table = population.table
        alike = (table["gender"] == person.sex) & (
            np.abs(table["age_years"] - person.age_years) < (1.0 if person.age_years < 18 else 12)
        )
        alike &= (table["age_years"] < 18) == (person.age_years < 18)
        # The neighbours' mean has a standard error of 2 cm, the parabola misses growth by 2 cm.
        assert abs(stature - table["stature_m"][alike].mean()) < 0.05


# --- betas drawn by themselves ---


@pytest.mark.parametrize("std", [0.5, 1.0])
def test_normal_betas(body_dir, std):
    config = configured(shapes="normal", beta_std=std, beta_limit=2.5, num_betas=11)
    population, people = drawn(config, body_dir, 200)
    assert population.table is None
    pool = population.groups["male", False].pool
    assert all(any(np.array_equal(p.betas, row) for row in pool.betas) for p in people[:20])
    wanted = truncnorm(-2.5 / std, 2.5 / std, 0, std)
    for column in pool.betas.T:
        assert np.abs(column).max() <= 2.5
        assert kstest(column, wanted.cdf).statistic < KS / np.sqrt(POOL_SIZE)
    correlation = np.corrcoef(pool.betas.T) - np.eye(11)
    assert np.abs(correlation).max() < 4 / np.sqrt(POOL_SIZE)


def test_uniform_betas(body_dir):
    config = configured(shapes="uniform", beta_limit=2.0, beta_std=0.8)
    pool = Population(config, body_dir).groups["female", False].pool
    for column in pool.betas.T:
        assert kstest(column, uniform(-1.6, 3.2).cdf).statistic < KS / np.sqrt(POOL_SIZE)


def test_bmi_of_drawn_bodies_is_measured_and_weighted(body_dir):
    wish = {"range": [19.0, 31.0], "mean": 25.0, "std": 2.0}
    config = configured(shapes="normal", gender="gendered", bmi=wish)
    population, people = drawn(config, body_dir, 1500)
    for sex in ("male", "female"):
        file = read_model_file(model_path(body_dir, sex))
        mine = [p for p in people if p.sex == sex]
        assert {p.gender for p in mine} == {sex}
        some = np.array([p.betas for p in mine[:60]])
        bodies = file.v_template + np.einsum("vdb,sb->svd", file.shape_basis(16), some)
        bmi = measure_bodies(bodies, file.faces[file.face_part == 0]).bmi
        # float32 sums on both sides.
        assert bmi.min() > 19 - 1e-3 and bmi.max() < 31 + 1e-3
        # The pool's own BMI lies within 1.5 of 25, so about half of it remains effective.
        assert abs(bmi.mean() - 25) < 4 * 2.0 * np.sqrt(1 / 60 + 2 / POOL_SIZE)


def test_ages_of_drawn_bodies(body_dir):
    config = configured(shapes="normal", age_years={"range": [20.0, 60.0]})
    _, people = drawn(config, body_dir, 1000)
    ages = [p.age_years for p in people]
    # Rounding to 0.1 year moves the distribution by 0.00125.
    assert kstest(ages, uniform(20, 40).cdf).statistic < KS / np.sqrt(1000) + 0.0013


# --- wishes that cannot be met ---


@pytest.mark.parametrize(
    ("cast", "body", "message"),
    [
        ({}, {"bmi": {"range": [70, 80]}}, r"no men .*body.bmi = \[70, 80\].*from 1\d\.\d to"),
        ({}, {"age_years": {"range": [86, 99]}}, r"body.age_years = \[86, 99\].*from 18\.\d to"),
        ({}, {"age_years": {"range": [5, 40]}}, "about adults, from 18"),
        (
            {"children_share": 0.1},
            {"child_age_years": {"range": [1, 2]}},
            r"no boys .*child_age_years = \[1, 2\].*from 3\.\d to 1\d",
        ),
        ({"children_share": 0.1}, {"child_age_years": {"range": [3, 20]}}, "children end at 18"),
        (
            {},
            {"bmi": {"range": [13, 60], "mean": 48, "std": 1}},
            r"only about \d+ men .*mean 48, std 1.*the same few",
        ),
        ({"children_share": 0.1}, {"shapes": "normal"}, "offers no children.*children_share = 0"),
    ],
)
def test_impossible_wishes_name_what_there_is(body_dir, cast, body, message):
    with pytest.raises(GenbError, match=message):
        Population(configured(cast, **body), body_dir)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(GenbError, match="not built yet"):
        Population(configured(), tmp_path)
    licensed = {"source": "smplx", "gender": "gendered"}
    with pytest.raises(GenbError, match="gendered.*SMPLX_MALE.npz.*gender = 'neutral'"):
        Population(configured(**licensed), tmp_path)
    with pytest.raises(GenbError, match="agora.is.tue.mpg.de.*children_share = 0"):
        Population(configured({"children_share": 0.1}, source="smplx"), tmp_path)


def test_the_recipe_of_the_documentation_works(body_dir):
    text = Path(__file__).parent.parent.joinpath("docs/people.md").read_text()
    recipe = tomllib.loads(text.split("```toml\n")[1].split("```")[0])
    population, people = drawn(Config.model_validate(recipe), body_dir, 500)
    assert {p.gender for p in people} == {"male", "female"} and len(people[0].betas) == 10
    rows = table_rows(population, people, "betas_gendered")
    bmi = population.table["bmi"][rows][[p.age_years >= 18 for p in people]]
    # Four standard errors of 27 +- 4: some 450 adults drawn out of some 600 effective ones.
    assert abs(bmi.mean() - 27) < 4 * 4 * np.sqrt(1 / 450 + 1 / 600)


# --- spreads by themselves ---


def test_weights_turn_one_distribution_into_another():
    """A skewed pool of 4000 becomes normal: KS distance of the weighted pool, by its n_eff."""
    pool = np.random.default_rng(5).gamma(4.0, 1.5, 4000)
    spread = Spread(range=(2.0, 12.0), mean=7.0, std=1.5)
    weights = spread_weights([Wish("x", spread, pool)], "numbers")
    order = np.argsort(pool)
    wanted = truncnorm(-5 / 1.5, 5 / 1.5, 7, 1.5).cdf(pool[order])
    distance = np.abs(np.cumsum(weights[order]) - wanted).max()
    assert distance < KS * np.sqrt((weights**2).sum())
    assert weights[(pool < 2) | (pool > 12)].max() == 0 and weights.sum() == pytest.approx(1)


def test_correlated_wishes_are_both_met():
    rng = np.random.default_rng(6)
    a = rng.normal(0, 1, 4000)
    b = 0.6 * a + 0.8 * rng.normal(0, 1, 4000)
    wishes = [
        Wish("a", Spread(range=(-3, 3), mean=0.5, std=0.6), a),
        Wish("b", Spread(range=(-3, 3), mean=-0.3, std=0.7), b),
    ]
    weights = spread_weights(wishes, "numbers")
    for wish in wishes:
        mean = weights @ wish.values
        std = np.sqrt(weights @ (wish.values - mean) ** 2)
        # Four standard errors of n_eff members; the kernel's width adds 1 % to std.
        slack = 4 * wish.spread.std * np.sqrt((weights**2).sum())
        assert abs(mean - wish.spread.mean) < slack
        assert abs(std - wish.spread.std) < slack + 0.01


def test_numbers_out_of_a_spread():
    rng = np.random.default_rng(7)
    spread = Spread(range=(18.0, 60.0), mean=25.0, std=10.0)
    values = [sample_spread(rng, spread) for _ in range(2000)]
    wanted = truncnorm(-0.7, 3.5, 25, 10)
    assert kstest(values, wanted.cdf).statistic < KS / np.sqrt(2000)
    far = Spread(range=(90.0, 91.0), mean=0.0, std=2.0)  # 45 standard deviations out
    assert 90 <= sample_spread(rng, far) <= 91
    cut = truncated_normal(rng, 1.0, 1.5, 2000)
    assert kstest(cut, truncnorm(-1.5, 1.5).cdf).statistic < KS / np.sqrt(2000)
    wide = truncated_normal(rng, 0.7, 6.0, 2000)
    assert kstest(wide, norm(0, 0.7).cdf).statistic < KS / np.sqrt(2000)
