"""avvla: from raw driving logs to a vision-language-action model that drives."""
