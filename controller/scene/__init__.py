"""
What is left of a rollout that was taken back, in a folder of its own: a scene.

`take` puts one together, from parts that each know where one kind of trace is to be had; `manifest` says what a folder
holds, and what of it is not as it was. No part decides anything, and none keeps what users said, or who said it.
"""
