"""The training loop: golden losses, masks, resuming, distilling, diverging."""

import dataclasses
from pathlib import Path

import pytest
import torch
from pictures import image_set
from recipes import distillation, training
from trainings import half_pruned, same, whole_and_resumed

from dsd2.artefacts.resume import ResumeFile
from dsd2.errors import UserError
from dsd2.nn.augmentation import draw_views, pad_images, take_views
from dsd2.nn.autoaugment import auto_cutout, draw_edits
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks
from dsd2.nn.rates import learning_rate
from dsd2.nn.teacher import Teacher, logits_of
from dsd2.nn.training import network_state, train
from dsd2.recipe import ModelRecipe, PerturbationRecipe
from dsd2.seeds import generator

pytestmark = pytest.mark.usefixtures("reproducible")


GOLDEN = Path(__file__).parent / "golden_losses.json"
MODEL = ModelRecipe.of("vgg-like", depth=2, width=2, dropout=0.1)
RECIPE = training(epochs=4, batch_size=12, milestones=(2, 3), augmentation="flip-shift")
DISTILLATION = distillation()


@pytest.fixture
def data():
    return image_set(50, (1, 8, 8))


def network(seed=0):
    torch.manual_seed(seed)
    return MODEL.build((1, 8, 8), 10)


def pruned_network():
    return half_pruned(network())


def teacher(data, recipe=RECIPE):
    taught_by = Teacher(network(7), DISTILLATION)
    if recipe.augmentation == "none":
        taught_by.table = logits_of(taught_by.model, data, 16)
    return taught_by


@pytest.mark.parametrize("taught", [False, True])
def test_golden_losses(data, taught, golden):
    # A change that is not meant to change results proves it here. If it is meant to, record new
    # ones with --record and say why in the commit.
    model, masks = pruned_network()
    progress = train(
        model, masks, data, RECIPE, stream=("golden",), teacher=teacher(data) if taught else None
    )
    losses = [row["train_loss"] for row in progress.history]
    # Processors round differently; the order of the data or a wrong factor changes far more.
    recorded = golden(GOLDEN, "distilled" if taught else "vanilla", losses)
    assert losses == pytest.approx(recorded, rel=1e-3)


@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_balanced_classes_weight_the_loss_on_labels_alone(data, taught, precision):
    labels = torch.tensor([0] * 45 + [1] * 5)
    parts = dataclasses.replace(data, labels=labels)
    settings = {"epochs": 1, "batch_size": 10, "learning_rate": 0.0, "precision": precision}
    losses = {}
    for weights in ("none", "balanced"):
        recipe = training(**settings, class_weights=weights)
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
        teaching = teacher(parts, recipe) if taught else None
        masks = full_masks(prunable_weights(model))
        history = train(model, masks, parts, recipe, stream=("w",), teacher=teaching).history
        losses[weights] = history[0]["train_loss"]
    with torch.no_grad():
        logits = model(parts.normalise(parts.images))
    own = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    # 50 images of two classes: 45 weigh 50 / 90, 5 weigh 50 / 10.
    gained = float((own * (torch.tensor([50 / 90] * 45 + [5.0] * 5) - 1)).mean())
    share = 1 - DISTILLATION.alpha if taught else 1.0
    difference = losses["balanced"] - losses["none"]
    assert abs(share * gained) > 1e-3
    assert difference == pytest.approx(share * gained, rel=1e-3 if precision == "fp32" else 0.2)


def test_auto_cutout_edits_the_shifted_images_of_each_epoch(data):
    recipe = dataclasses.replace(RECIPE, augmentation="auto-cutout", epochs=2)
    model, masks = pruned_network()
    seen = []
    model.register_forward_pre_hook(lambda _model, inputs: seen.append(inputs[0]))
    train(model, masks, data, recipe, stream=("edits",))
    for epoch in range(2):
        draws = generator("edits", epoch)
        order = torch.randperm(50, generator=draws)
        views = draw_views(50, draws)
        shifted = take_views(pad_images(data.images), order, views)
        expected = data.normalise(auto_cutout(shifted, draw_edits(50, (8, 8), draws)))
        assert torch.equal(torch.cat(seen[epoch * 5 : epoch * 5 + 5]), expected)


def test_the_same_stream_gives_the_same_bits_and_another_does_not(data):
    def final(stream):
        model, masks = pruned_network()
        train(model, masks, data, RECIPE, stream=stream)
        return network_state(model)

    assert same(final(("a",)), final(("a",)))
    assert not same(final(("a",)), final(("b",)))


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_removed_weights_stay_zero_through_momentum_and_decay(data, optimiser):
    model, masks = pruned_network()
    recipe = dataclasses.replace(RECIPE, optimiser=optimiser, learning_rate=0.01)
    train(model, masks, data, recipe, stream=("masks",))
    for name, weight in prunable_weights(model).items():
        assert bool((weight[~masks[name]] == 0).all())
        assert bool((weight[masks[name]] != 0).all())


def test_equals_torchs_own_optimiser_and_scheduler(data):
    recipe = dataclasses.replace(RECIPE, augmentation="none", batch_size=50)
    mine, theirs = network(), network()
    for model in (mine, theirs):
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    train(mine, full_masks(prunable_weights(mine)), data, recipe, stream=("one batch",))
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimiser, [2, 3], gamma=0.1)
    theirs.train()
    for _ in range(4):
        optimiser.zero_grad()
        inputs = data.normalise(data.images)
        torch.nn.functional.cross_entropy(theirs(inputs), data.labels).backward()
        optimiser.step()
        scheduler.step()
    for name, tensor in mine.state_dict().items():
        torch.testing.assert_close(tensor, theirs.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_l1_equals_a_penalty_in_the_loss_and_leaves_the_reported_loss_alone(data):
    recipe = dataclasses.replace(
        RECIPE, augmentation="none", batch_size=50, l1=0.01, epochs=3, milestones=()
    )
    mine, masks = pruned_network()
    theirs, _ = pruned_network()
    for model in (mine, theirs):
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    shuffled = dict(sorted(masks.items(), reverse=True))
    progress = train(mine, shuffled, data, recipe, stream=("one batch",))
    weights = prunable_weights(theirs)
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    theirs.train()
    losses = []
    for _ in range(recipe.epochs):
        optimiser.zero_grad()
        logits = theirs(data.normalise(data.images))
        loss = torch.nn.functional.cross_entropy(logits, data.labels)
        (loss + recipe.l1 * sum(weight.abs().sum() for weight in weights.values())).backward()
        optimiser.step()
        apply_masks(weights, masks)
        losses.append(loss.item())
    for name, tensor in mine.state_dict().items():
        torch.testing.assert_close(tensor, theirs.state_dict()[name], rtol=1e-4, atol=1e-5)
    for name, weight in prunable_weights(mine).items():
        assert bool((weight[~masks[name]] == 0).all())
    assert [row["train_loss"] for row in progress.history] == pytest.approx(losses, rel=1e-4)


def test_l1_shrinks_the_prunable_weights(data):
    def size(l1):
        model, masks = pruned_network()
        train(model, masks, data, dataclasses.replace(RECIPE, l1=l1), stream=("l1",))
        return sum(float(w.detach().abs().sum()) for w in prunable_weights(model).values())

    assert size(1e-2) < 0.95 * size(0.0)


@pytest.mark.slow
@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("augmentation", ["none", "flip-shift", "auto-cutout"])
@pytest.mark.parametrize("killed_after", [1, 2, 3])
@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_resuming_after_any_epoch_ends_with_the_same_bits(
    data, tmp_path, taught, augmentation, killed_after, optimiser
):
    recipe = dataclasses.replace(RECIPE, augmentation=augmentation, optimiser=optimiser)
    if optimiser == "adamw":
        others = {"schedule": "cosine", "warmup": 0.2, "clip_norm": 1.0, "head_rate": 3.0}
        recipe = dataclasses.replace(recipe, learning_rate=0.01, label_smoothing=0.1, **others)

    def run(model, masks, **options):
        taught_by = teacher(data, recipe) if taught else None
        options |= {"stream": ("resume",), "teacher": taught_by, "rewind_step": 6}
        return train(model, masks, data, recipe, **options)

    ends = whole_and_resumed(tmp_path, killed_after, pruned_network, run)
    (whole, undisturbed), (resumed, rest) = ends
    assert same(whole, resumed)
    assert same(undisturbed.rewind, rest.rewind)
    losses = [[row["train_loss"] for row in p.history] for p in (undisturbed, rest)]
    assert losses[0] == losses[1]


def test_a_resume_state_of_another_training_or_damaged_is_not_used(data, tmp_path, capsys):
    model, masks = pruned_network()
    path = tmp_path / "resume.safetensors"
    done = train(model, masks, data, RECIPE, stream=("x",))
    ResumeFile(path, "one").after_epoch(model, done)
    assert ResumeFile(path, "other").restore(model) is None
    assert ResumeFile(path, "one").restore(model).epoch == 4
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert ResumeFile(path, "one").restore(model) is None
    assert "damaged" in capsys.readouterr().out


def test_the_teacher_is_not_trained(data):
    taught_by = teacher(data)
    before = network_state(taught_by.model)
    model, masks = pruned_network()
    train(model, masks, data, RECIPE, stream=("t",), teacher=taught_by)
    assert same(before, network_state(taught_by.model))


def test_the_rewind_state_is_that_before_its_step(data):
    model = network()
    initial = network_state(model)
    masks = full_masks(prunable_weights(model))
    progress = train(model, masks, data, RECIPE, stream=("r",), rewind_step=0)
    assert same(progress.rewind, initial)
    # Five steps an epoch: step 10 is where the third epoch begins.
    model = network()
    seen = []

    def remember(now):
        seen.append(network_state(model))

    progress = train(
        model, masks, data, RECIPE, stream=("r",), rewind_step=10, after_epoch=remember
    )
    assert same(progress.rewind, seen[1])


def test_learning_rates_drop_at_milestones():
    rates = [learning_rate(RECIPE, epoch) for epoch in range(4)]
    assert rates == pytest.approx([0.05, 0.05, 0.005, 0.0005])


def test_divergence_names_the_epoch_and_what_to_change(data):
    model, masks = pruned_network()
    recipe = dataclasses.replace(RECIPE, learning_rate=1e20)
    with pytest.raises(UserError, match=r"epoch 1 of 4 .* lower training.learning_rate"):
        train(model, masks, data, recipe, stream=("d",))


def test_perturbations():
    states = [network_state(network(seed)) for seed in range(3)]
    trained, rewound, fresh = states
    expected = {
        PerturbationRecipe.of("none"): trained,
        PerturbationRecipe.of("finetune", rate_factor=0.1): trained,
        PerturbationRecipe.of("rewind"): rewound,
        PerturbationRecipe.of("rewind", rewind_step=5): rewound,
        PerturbationRecipe.of("reinit"): fresh,
    }
    for recipe, state in expected.items():
        model = network(0)
        recipe.perturb(model, rewound, fresh)
        assert same(network_state(model), state), recipe


def test_finetuning_scales_the_learning_rate_down_and_nothing_else():
    scaled = PerturbationRecipe.of("finetune", rate_factor=0.1).retraining(RECIPE)
    assert scaled == dataclasses.replace(RECIPE, learning_rate=pytest.approx(0.005))
    assert PerturbationRecipe.of("none").retraining(RECIPE) == RECIPE
