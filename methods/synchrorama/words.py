"""Sentences of ours whose words have a mood, so that the fusion learns what sentiment tells of an emotion.

A corpus acts every emotion with the same neutral sentences: nothing could be learnt of words from it. Which
of anger, fear, disgust and sadness is meant sentiment alone cannot say; it may leave them equally likely.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from harness.types import EMOTIONS
from methods.synchrorama.sentiment import sentiment_of

SENTENCES = {
    "neutral": (
        "The bus goes round the corner.",
        "There are twelve chairs in this room.",
        "He put the letter on the table.",
        "The shop opens at nine.",
        "We turn left after the bridge.",
        "It is written on the second page.",
    ),
    "happy": (
        "I am so happy that you came!",
        "What a wonderful surprise, thank you!",
        "This is the best day of my life.",
        "We won, and everybody is laughing.",
        "I love this song, it is beautiful.",
        "Great news, she is healthy and well.",
    ),
    "sad": (
        "I miss her terribly and I cry every night.",
        "We lost everything, it is so sad.",
        "Nobody came, and I feel lonely.",
        "He died, and my heart is broken.",
        "I am sorry, it was a miserable failure.",
        "There is only grief and pain left.",
    ),
    "angry": (
        "You lied to me, and I hate it!",
        "Shut up, you stupid fool!",
        "I am furious, this is an outrage.",
        "Stop this damn noise at once!",
        "He cheated us, the bastard.",
        "How dare you insult my mother!",
    ),
    "fear": (
        "I am afraid, somebody wants to kill us.",
        "Help, there is a terrible danger!",
        "I was scared to death of the dark.",
        "Do not hurt me, I am terrified.",
        "The threat of an attack makes me panic.",
        "I fear the worst, he has a gun.",
    ),
    "disgust": (
        "This smells disgusting, I feel sick.",
        "What an ugly, filthy mess.",
        "The rotten meat is awful.",
        "That is gross and nasty.",
        "It makes me sick, it is revolting.",
        "I hate that horrible, dirty place.",
    ),
    "surprise": (
        "Wow, I never expected that!",
        "Oh my, is that really you?",
        "What? That is amazing!",
        "I cannot believe my eyes!",
        "Suddenly the whole room lit up!",
        "Incredible, it was here all along!",
    ),
    "contempt": (
        "You are pathetic, as always.",
        "What a ridiculous, worthless idea.",
        "He is a loser and a fool.",
        "I have no respect for such cowards.",
        "How pitiful, she failed again.",
        "That was a lousy joke.",
    ),
}


@cache
def sentiments() -> NDArray[np.float32]:
    """Return (8, 6, 3): by emotion, in the order of EMOTIONS, what VADER finds in its sentences."""
    found = [[sentiment_of(text) for text in SENTENCES[emotion]] for emotion in EMOTIONS]
    return np.array(found, np.float32)
