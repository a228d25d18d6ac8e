"""What the demo's users say: sentences of Lewis Carroll's Alice (1865), in the public domain, short and long."""

SENTENCES = (
    "Curiouser and curiouser!",
    "Off with her head!",
    "We're all mad here.",
    "Why, sometimes I've believed as many as six impossible things before breakfast.",
    "It's no use going back to yesterday, because I was a different person then.",
    "Begin at the beginning, and go on till you come to the end: then stop.",
    "Would you tell me, please, which way I ought to go from here?",
    "Who in the world am I? Ah, that's the great puzzle.",
    "Oh dear! Oh dear! I shall be too late!",
    "The rabbit-hole went straight on like a tunnel for some way, and then dipped suddenly down.",
    "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do.",
    "If everybody minded their own business, the world would go round a great deal faster than it does.",
    "Take care of the sense, and the sounds will take care of themselves.",
    "Everything's got a moral, if only you can find it.",
)

SAMPLE = "Begin at the beginning, and go on till you come to the end."
"""Spoken once by each release, so that a listener can compare."""
