from torch import nn

from avvla.training import summary
from avvla.training.loop import History

HISTORY = History(
    [
        {"step": 10, "loss_flow": 0.9, "learning_rate": 1e-3},
        {"step": 15, "loss_flow": 0.5, "learning_rate": 1e-4, "validation_loss_flow": 0.6},
    ]
)


def test_metrics_are_the_last_values_and_the_number_of_weights():
    policy = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    policy[0].requires_grad_(False)
    assert summary.metrics(HISTORY, policy) == {
        "steps": 15,
        "parameters": 11,
        "parameters_trained": 3,
        "loss_flow": 0.5,
        "learning_rate": 1e-4,
        "validation_loss_flow": 0.6,
    }
    assert HISTORY.rows[-1]["step"] == 15


def test_curves_have_every_term_at_the_steps_that_have_it():
    assert summary.curves(HISTORY) == {
        "learning_rate": [(10, 1e-3), (15, 1e-4)],
        "loss_flow": [(10, 0.9), (15, 0.5)],
        "validation_loss_flow": [(15, 0.6)],
    }
