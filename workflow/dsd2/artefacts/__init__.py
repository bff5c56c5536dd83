"""Files that hold networks: checkpoints, resume states, cached teacher logits."""
