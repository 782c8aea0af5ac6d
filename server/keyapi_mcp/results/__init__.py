"""From rows, columns and a budget to an answer: text and structured content, each complete and small on its own."""
