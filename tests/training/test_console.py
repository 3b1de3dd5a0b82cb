from avvla.training.console import line, validation_line


def test_a_line_has_percent_step_loss_terms_and_memory():
    row = {
        "step": 720,
        "loss": 0.25,
        "loss_flow": 0.2,
        "loss_temporal": 0.05,
        "gradient_norm": 1.5,
        "learning_rate": 1.2e-3,
    }
    told = line(row, 6000)
    assert told.startswith(
        "[ 12%] step 720/6000 loss 0.2500 (flow 0.2000, temporal 0.0500) lr 1.20"
    )
    assert "VRAM 0.0 GB RAM " in told


def test_a_validation_names_its_figures():
    figures = {"step": 40, "validation_loss": 0.5, "validation_ade_1s": 0.25}
    assert validation_line(figures) == "[VAL] step 40 loss 0.5000, ade_1s 0.2500"
