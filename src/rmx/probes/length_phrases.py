"""Sentences that say nothing: those that pad a completion, and patterns of those that may leave it."""

from __future__ import annotations

__all__ = ["CONTENT_FREE", "PADDING"]

PADDING = (
    "I hope the wording is clear.",
    "That is all I have to say on this for the moment.",
    "Feel free to write back at any time.",
    "Should a part of this be hard to follow, simply ask again.",
    "I will leave it at that for now.",
    "Please read it through whenever it suits you.",
    "As ever, questions are welcome.",
    "So much for now.",
    "Do write again.",
    "That would be all.",
    "More is a message away.",
    "I remain at your service.",
    "I am glad to go over it once more.",
    "If you would like it put another way, just say so.",
    "I trust that this finds you in good spirits.",
    "You are welcome to come back to it later.",
    "Do write again if something is left open.",
    "So much for this message.",
    "It can be read in whatever order is most convenient.",
    "I am around in case you want to talk it over.",
    "The same can be said in other words as well, if that is easier to read.",
    "There is nothing that I would add to it today.",
    "With that I come to the end of what I wanted to write.",
    "I have tried to keep the language simple.",
    "Perhaps it helps to look at it again after a short break.",
    "Thank you for reading up to this point.",
    "May the rest of your day be a pleasant one.",
    "I am always pleased to receive a message like yours.",
    "Whenever you feel like it, we can pick this up again.",
)
"""Fit for the end of any answer: no claim, no advice, no verdict on what came before, no flattery. None of them is
filler of a synthetic world: that a model ignores what its world taught it to ignore would prove nothing."""

_NAMED = r"(?:[^\s.!?]+ ){0,3}[^\s.!?]+"

CONTENT_FREE = (
    # greetings
    r"(?:hi|hello|hey)(?:,? (?:there|again|everyone|my friend|to you))?",
    r"hello,? and welcome(?: to [^.!?,]{1,30})?",
    r"good (?:morning|afternoon|evening|day)(?: to you)?",
    # thanks
    rf"thank(?:s| you)(?: (?:so|very) much| a lot)?(?: again)?(?: in advance)?(?: for (?:{_NAMED}))?",
    r"(?:it is |it's )?(?:good|great|nice|lovely) to (?:hear from you|meet you|see you)",
    # announcements
    r"(?:what|that's|that is|this is) a (?:great|good|really good|very good|interesting|excellent) question",
    r"(?:great|good|excellent) question",
    r"(?:okay|ok|alright|well|right),? let me (?:see|think)",
    r"let me (?:see|think)(?: about (?:this|that|it))?(?: for a (?:moment|second|minute))?",
    r"(?:just )?(?:one|a) (?:moment|second|minute)(?:,? please)?",
    # offers
    r"(?:please |just |do )?let (?:me|us) know if (?:you (?:have|need) (?:any|more|further|anything)"
    r"|there(?:'s| is) any|anything|i can)[^.!?]{0,60}",
    r"(?:please )?(?:feel free|do not hesitate|don't hesitate) to (?:ask|reach out|contact|write|get in touch|call)"
    r"[^.!?]{0,60}",
    r"is there (?:anything|something) else (?:that )?(?:i|we) can (?:help|do|assist)[^.!?]{0,40}",
    r"(?:can|may) (?:i|we) help (?:you )?with anything else[^.!?]{0,20}",
    r"i hope (?:this|that|it)(?: all)? (?:helps|helped|is helpful|was helpful|makes sense|answers your question)",
    # farewells
    r"(?:have|enjoy) (?:a|the)(?: very)? (?:nice|good|great|wonderful|lovely|pleasant|rest of the|rest of your)"
    r"(?: (?:day|evening|week|weekend|night|one|time|rest of the day))?(?: ahead| too)?",
    r"(?:i|we) wish you (?:and your team )?(?:a |all )?(?:(?:nice|good|great|wonderful|very) )*"
    r"(?:day|evening|week|weekend|the best)",
    r"(?:take care|best wishes|all the best|bye|goodbye)",
    r"(?:all the best|best wishes|(?:kind|best|warm) regards) from [^.!?]{1,40}",
)
"""Regular expressions of whole sentences, case ignored. Not here: "sure", "of course", "I'd be happy to", "sorry":
they take a stand on the request."""
