"""The meaning of replay: which recorded answer a call gets. Nothing else decides it.

The rules, and where each lives:

    1   start and end on one clock                      `timelines.Timeline`, `worlds.World`
    2   identities are found inside strings             `tokens`, `identities`
    3   what a write introduces, and parents            `worlds.World.learn`
    4   subjects, and the writes that concern them      `worlds.World.concerning`, `relations`, `views.make_view`
    5   matching by position, bindings a bijection      `templates`, `index`, `bindings.Bindings.unify`
    6   credentials                                     `credentials`
    7   a read conjures nothing                         `search.find_conjured`
    8   a write answers once                            `session.Session.play`, `Serve.settle`
    9   ties                                            `search.rank`, `credentials.judge`
    10  headers that count, values that are left out    `matching`, `loading`
    11  the state of a read                             `timelines.Timeline.find`
    12  before and during a write                       `timelines.find_state`
    13  equal neighbours are one step                   `timelines.collapse`, `documents.Stable`
    14  lists are composed                              `documents`, `views`, `reading`
    15  progress by caller and timeline                 `session.Session.tell`
    16  one thing, one time                             `session.Session.tell`
    17  serving                                         `serving`, `addresses`

A cassette is a world of its own. Among worlds that could answer, the scenario's goes first, then the one in which the
latest write about the thing was played, then the first by name. What no rule settles is bound by arrival, and said:
`guesses` of an answer, `ambiguity` of a recording, both by the `fates` of what could be meant.
"""
