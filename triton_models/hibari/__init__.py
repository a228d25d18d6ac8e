"""
The neural voice of the package `hibari-tts`, as three stages: text to phoneme ids (`g2p`), ids to spectra (`acoustic`),
spectra to sound (`vocoder`). What a release may set stands in each stage's `config.pbtxt`.
"""
