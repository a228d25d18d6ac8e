"""Text to phoneme ids, sentence by sentence: dictionary, rules and a small net for unknown words."""
