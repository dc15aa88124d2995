"""The ranker: what it learns, that it learns the same again, and that it copes with what is missing."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, save
from scipy.sparse import csr_array

pytest.importorskip("torch", reason="the extra `training` is not installed")
import torch
from torch_geometric.nn import GCNConv

from scoring.evaluation.comparison import tau
from scoring.graph.combine import combine
from scoring.ranker.dataset import Library, RankedPairs, RankingDataset
from scoring.ranker.network import Dropout, GraphConvolution, NetworkShape, RankerNetwork
from scoring.ranker.propagation import propagation_of, sample_neighbourhood, to_torch
from scoring.ranker.trained import TrainedRanker
from scoring.ranker.training import Progress, RankerConfig, pair_loss, train

_CLIPS = 400
_QUICK = RankerConfig(hidden=16, dropout=0.0, learning_rate=1e-2, most_epochs=15, patience=15)


def _truth(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return features and worth that is linear in them."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(_CLIPS, 4)).astype(np.float32)
    return features, features @ np.array([1.0, -0.5, 0.2, 0.0])


def _pairs(worth: np.ndarray, count: int, wrong: float = 0.0, seed: int = 1) -> RankedPairs:
    """Return pairs in the order of worth, a share of them the wrong way round with a low confidence."""
    draw = np.random.default_rng(seed)
    one, other = draw.integers(0, len(worth), (2, count))
    swap = (worth[one] < worth[other]) ^ (draw.random(count) < wrong)
    return RankedPairs(np.where(swap, other, one), np.where(swap, one, other), np.full(count, 0.9))


def _neighbours(worth: np.ndarray) -> csr_array:
    """Return a graph in which clips of like worth are neighbours."""
    return combine(
        [(csr_array(np.exp(-50 * (worth[:, None] - worth) ** 2).astype(np.float32) - np.eye(len(worth), dtype="f4")), 1)], 8
    )


def test_learns_worth_from_pairs() -> None:
    """Pairs alone order clips by what their features say of worth."""
    features, worth = _truth()
    library = Library(features)
    ranker = train(RankingDataset(library, _pairs(worth, 3_000)), _QUICK, seed=0)
    assert tau(ranker.score(library).mean, worth) > 0.85


def test_graph_tells_what_features_do_not() -> None:
    """Clips with no informative feature are ordered by their place in the graph, which a plain ranker cannot do."""
    _, worth = _truth()
    noise = np.random.default_rng(2).normal(size=(_CLIPS, 4)).astype(np.float32)
    near_worth = (worth[:, None] + np.random.default_rng(3).normal(size=(_CLIPS, 4))).astype(np.float32)
    near_worth[: _CLIPS // 2] = np.nan
    of_half = worth[: _CLIPS // 2]
    pairs = _pairs(worth, 3_000)
    found = []
    for graph in (None, _neighbours(worth)):
        library = Library(np.hstack([noise, near_worth]), graph)
        found.append(tau(train(RankingDataset(library, pairs), _QUICK, seed=0).score(library).mean[: _CLIPS // 2], of_half))
    assert found[1] > found[0] + 0.2


def test_labels_and_pairs_are_learned_together() -> None:
    """Few pairs, half of them wrong, order clips worse than the same pairs with labels of every tenth clip."""
    features, worth = _truth()
    library, pairs = Library(features), _pairs(worth, 300, wrong=0.5)
    labels = np.where(np.arange(_CLIPS) % 10 == 0, 5 + worth, np.nan).astype(np.float32)
    alone, jointly = (train(RankingDataset(library, pairs, said), _QUICK, seed=0).score(library).mean for said in (None, labels))
    assert tau(jointly, worth) > tau(alone, worth) + 0.2


def test_scale_of_labels_does_not_matter() -> None:
    """Labels times ten and moved give the same scores, but for rounding."""
    features, worth = _truth()
    library, pairs, labels = Library(features), _pairs(worth, 500), worth.astype(np.float32)
    one, other = (train(RankingDataset(library, pairs, said), _QUICK, 0).score(library).mean for said in (labels, 8 * labels + 4))
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_same_seed_gives_the_same_bits() -> None:
    """Training twice with the same arguments gives the same ranker; another seed gives another."""
    features, worth = _truth()
    dataset = RankingDataset(Library(features, _neighbours(worth)), _pairs(worth, 1_000))
    once, again, other = (train(dataset, replace(_QUICK, dropout=0.2), seed).tensors() for seed in (5, 5, 6))
    assert save(once) == save(again)
    assert save(once) != save(other)


def test_training_leaves_the_global_random_state_alone() -> None:
    """Whoever draws from torch besides is not disturbed."""
    features, worth = _truth()
    before = torch.random.get_rng_state()
    train(RankingDataset(Library(features), _pairs(worth, 500)), replace(_QUICK, most_epochs=1), seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_is_saved_scores_the_same() -> None:
    """A ranker that went through safetensors gives the same scores, to the bit."""
    features, worth = _truth()
    library = Library(features, _neighbours(worth))
    ranker = train(RankingDataset(library, _pairs(worth, 1_000)), replace(_QUICK, most_epochs=2), seed=0)
    loaded = TrainedRanker.of_tensors(load(save(ranker.tensors())))
    for one, other in zip(ranker.score(library), loaded.score(library), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("columns", [0, 4])
def test_clips_of_which_nothing_is_known_are_scored(columns: int) -> None:
    """Clips without features, without neighbours, without pairs, or without all, have a finite score and uncertainty."""
    features, worth = _truth()
    features = features[:, :columns]
    features[:50] = np.nan
    graph = _neighbours(worth).tolil()
    graph[25:75] = 0
    pairs = _pairs(worth, 2_000)
    touched = (pairs.preferred > 20) & (pairs.other > 20)
    library = Library(features, csr_array(graph.tocsr()))
    scores = train(RankingDataset(library, pairs.take(touched)), replace(_QUICK, most_epochs=2), seed=0).score(library)
    assert np.isfinite(scores.mean).all()
    assert np.isfinite(scores.sd).all()
    assert (scores.sd >= 0).all()


def test_uncertainty_covers_the_error_of_pairs() -> None:
    """Two clips whose scores lie two standard deviations apart are in the right order 19 times in 20."""
    features, worth = _truth()
    library = Library(features)
    scores = train(RankingDataset(library, _pairs(worth, 3_000)), _QUICK, seed=0).score(library)
    draw = np.random.default_rng(9)
    one, other = draw.integers(0, _CLIPS, (2, 2_000))
    distance = scores.mean[one] - scores.mean[other]
    sure = np.abs(distance) > 2 * np.hypot(scores.sd[one], scores.sd[other])
    assert ((distance > 0) == (worth[one] > worth[other]))[sure].mean() > 0.95
    assert sure.any()


def test_confidence_tells_good_pairs_from_bad() -> None:
    """Where wrong pairs have little confidence, weighing by it orders clips better than taking all pairs alike."""
    features, worth = _truth()
    good, bad = _pairs(worth, 400, seed=1), _pairs(worth, 800, wrong=0.9, seed=2)
    columns = [np.concatenate(both) for both in zip(good, bad._replace(confidence=np.full(800, 0.05)), strict=True)]
    library, found = Library(features), []
    for weighted in (False, True):
        ranker = train(RankingDataset(library, RankedPairs(*columns)), replace(_QUICK, weighted=weighted), seed=0)
        found.append(tau(ranker.score(library).mean, worth))
    assert found[1] > found[0] + 0.2


def test_labels_help_where_pairs_are_few() -> None:
    """Labelled clips, learned together with a few wrong-headed pairs, order the others better than the pairs alone."""
    features, worth = _truth()
    labels = np.full(_CLIPS, np.nan, np.float32)
    labels[:100] = 3 * worth[:100] + 7
    library, pairs, found = Library(features), _pairs(worth, 100, wrong=0.45), []
    for given in (None, labels):
        ranker = train(RankingDataset(library, pairs, given), _QUICK, seed=0)
        found.append(tau(ranker.score(library).mean[100:], worth[100:]))
    assert found[1] > found[0] + 0.1


def test_sampled_steps_learn_as_well() -> None:
    """A library that is seen in sampled neighbourhoods is ordered within 0.05 as well as one that is seen whole."""
    features, worth = _truth()
    library = Library(features, _neighbours(worth))
    dataset = RankingDataset(library, _pairs(worth, 3_000))
    config = replace(_QUICK, pairs_per_step=64, steps_per_epoch=20)
    whole, sampled = (train(dataset, replace(config, whole_graph_up_to=limit), seed=0) for limit in (_CLIPS, 0))
    assert tau(sampled.score(library).mean, worth) > tau(whole.score(library).mean, worth) - 0.05


def test_sampled_neighbourhood_is_unbiased() -> None:
    """The mean over many samples of what one layer gathers is what the whole graph gives."""
    _, worth = _truth()
    propagation = propagation_of(_neighbours(worth), _CLIPS)
    clips, rng = np.arange(10), np.random.default_rng(3)
    total = np.zeros(10)
    for _ in range(2_000):
        part = sample_neighbourhood(propagation, clips, 1, 4, rng)
        total += (part.propagation @ worth[part.rows])[:10]
    np.testing.assert_allclose(total / 2_000, (propagation @ worth)[:10], atol=0.03)


def test_no_neighbours_is_no_graph() -> None:
    """A network over a graph without edges is the plain network, to the bit."""
    features, _ = _truth()
    network = RankerNetwork(NetworkShape(4)).eval()
    inputs, device = torch.from_numpy(features), torch.device("cpu")
    nothing = csr_array((_CLIPS, _CLIPS), dtype=np.float32)
    one, other = (network(inputs, to_torch(propagation_of(graph, _CLIPS), device)) for graph in (None, nothing))
    assert torch.equal(one, other)


def test_convolution_is_that_of_torch_geometric() -> None:
    """With the transpose at hand, values and gradients are those of the library's own layer."""
    _, worth = _truth()
    along = to_torch(propagation_of(_neighbours(worth), _CLIPS), torch.device("cpu"))
    torch.manual_seed(0)
    ours, theirs = GraphConvolution(4), GCNConv(4, 4, normalize=False, add_self_loops=False)
    theirs.load_state_dict(ours.state_dict())
    found = []
    for layer, graph in ((ours, along), (theirs, along.matrix)):
        state = torch.linspace(-1, 1, 4 * _CLIPS).reshape(_CLIPS, 4).requires_grad_()
        result = layer(state, graph)
        result.square().sum().backward()
        found.append([result.detach(), state.grad, *(parameter.grad for parameter in layer.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_dropout_keeps_the_mean_and_passes_what_it_keeps() -> None:
    """The part is dropped that was asked for, what is left makes up for it, gradients go the same way; scoring drops nothing."""
    torch.manual_seed(0)
    drop, ones = Dropout(0.3), torch.ones(400, 251, requires_grad=True)
    left = drop(ones)
    left.sum().backward()
    assert abs(float((left == 0).float().mean()) - 0.3) < 0.01
    assert abs(float(left.detach().mean()) - 1) < 0.01
    assert torch.equal(left.detach(), ones.grad)
    assert torch.equal(drop.eval()(ones), ones)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_gpu_and_cpu_agree() -> None:
    """Without dropout, which draws otherwise there, a GPU's scores are the CPU's within tolerance; sampled or not."""
    features, worth = _truth()
    dataset = RankingDataset(Library(features, _neighbours(worth)), _pairs(worth, 1_000), worth.astype(np.float32))
    for config in (_QUICK, replace(_QUICK, whole_graph_up_to=10)):
        devices = (torch.device("cpu"), torch.device("cuda"))
        one, other = (train(dataset, config, 5, device=device).score(dataset.library).mean for device in devices)
        np.testing.assert_allclose(one, other, atol=0.05)


def test_loss_is_that_of_ranknet() -> None:
    """Its value is the weighted mean of log(1 + exp(-difference)), and its gradient that of finite differences."""
    worth = torch.tensor([0.3, -0.2, 1.0], dtype=torch.float64, requires_grad=True)
    pairs = RankedPairs(np.array([0, 2]), np.array([1, 0]), np.array([0.2, 0.6]))
    expected = (0.2 * np.log1p(np.exp(-0.5)) + 0.6 * np.log1p(np.exp(-0.7))) / 0.8
    assert pair_loss(worth, pairs, _QUICK).item() == pytest.approx(expected)
    assert torch.autograd.gradcheck(lambda value: pair_loss(value, pairs, _QUICK), worth)


def test_progress_is_told_after_every_epoch() -> None:
    """Epochs are counted from one, to the last."""
    features, worth = _truth()
    told: list[Progress] = []
    train(RankingDataset(Library(features), _pairs(worth, 500)), replace(_QUICK, most_epochs=3), 0, told.append)
    assert [step.epoch for step in told] == [1, 2, 3]


def test_too_few_pairs_are_refused() -> None:
    """Without a pair to learn from there is no ranker, and the error says what to do."""
    with pytest.raises(ValueError, match="0 pairs"):
        train(RankingDataset(Library(_truth()[0]), _pairs(_truth()[1], 0)), _QUICK, seed=0)


def test_parts_of_different_clips_are_refused() -> None:
    """A graph of another library is a mistake."""
    with pytest.raises(ValueError, match="features are of 400 clips"):
        Library(_truth()[0], csr_array((3, 3)))
