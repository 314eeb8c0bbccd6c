"""Each sentence of the rules of replay that decides something, with what switches it off and the tests that hold it.

That they do is shown by `test_proof`: with a row's switches, each of its tests falls by an assertion of its own.
"""

# ruff: noqa: ARG005 - what stands in for a rule takes what the rule takes

from dataclasses import dataclass

from cpproxy.core import matching
from cpproxy.core.replay import (
    bindings,
    credentials,
    decisions,
    documents,
    fates,
    freshness,
    guesses,
    identities,
    index,
    loading,
    reading,
    relations,
    search,
    serving,
    session,
    templates,
    timelines,
    tokens,
    views,
    worlds,
)
from cpproxy.core.routes import is_write
from tests import switches
from tests.switches import NEVER, Switch, nothing


@dataclass(frozen=True)
class Row:
    """One sentence: `held` names the tests about it, each of which falls without it."""

    held: tuple[str, ...]
    switches: tuple[Switch, ...]


def row(held: str, *off: Switch) -> Row:
    return Row(tuple(f"test_{name}" for name in held.split()), off)


PLACES = "02_identities_are_found_wherever_they_stand"
LOOKS = "02_what_looks_made_is_an_identity"
STEPS = "13_answers_that_differ_in_anything_that_counts_are_steps"
SLUG_WITHIN = "13_a_slug_is_renamed_inside_a_name_an_owner_a_list_and_a_path"
IDS = "12_ids_within_ids_in_other_cases_as_numbers_and_as_names"
NUMBER = "02_a_number_in_a_path_and_under_an_ids_name_is_an_identity_there_and_nowhere_else"
WORLD = "a_cassette_is_a_world_of_its_own"

MATCHING: dict[str, Row] = {
    "1 start and end": row(
        "01_an_answer_within_a_write_belongs_to_neither_side "
        "12_an_answer_within_a_write_is_used_and_said_to_be_doubtful_where_there_is_no_other",
        (timelines, "find_reach", lambda writes, moment: frozenset(w.number for w in writes if w.end <= moment)),
    ),
    "2 inside strings": row(
        SLUG_WITHIN, (identities.Catalogue, "find", switches.whole_texts_alone(identities.Catalogue.find))
    ),
    "2 longest first": row(IDS, (identities.Catalogue, "index", switches.shortest_first(identities.Catalogue.index))),
    "2 in paths": row(PLACES, (loading, "leaves", switches.without("path", templates.leaves))),
    "2 in queries": row(PLACES, (loading, "leaves", switches.without("query", templates.leaves))),
    "2 in compared headers": row(PLACES, (loading, "leaves", switches.without("header", templates.leaves))),
    "2 in JSON leaves": row(PLACES, (loading, "leaves", switches.without("json", templates.leaves))),
    "2 in JSON keys": row(PLACES, (loading, "leaves", switches.without("name", templates.leaves))),
    "2 in forms": row(PLACES, (loading, "leaves", switches.without("form", templates.leaves))),
    "2 in texts": row(PLACES, (loading, "leaves", switches.without("body", templates.leaves))),
    "2 UUIDs": row(
        f"{IDS} 02_the_first_characters_of_one_uuid_stand_for_it_and_those_of_two_for_neither", (tokens, "_UUID", NEVER)
    ),
    "2 ULIDs": row(LOOKS, (tokens, "_ULID", NEVER)),
    "2 hex": row(LOOKS, (tokens, "_HEX", NEVER)),
    "2 slugs that end in hex": row(LOOKS, (tokens, "_SLUG", NEVER)),
    "2 random tokens": row(LOOKS, (tokens, "_is_mixed", lambda token: False)),
    "2 numbers": row(NUMBER, (identities, "_add_numbers", nothing)),
    "2 numbers in answers": row(NUMBER, (serving, "_ID_LEAF", NEVER)),
    "2 what is named": row(
        "02_what_the_cassette_names_is_an_identity_and_what_the_config_excludes_is_none",
        (loading, "infer", lambda found, named, excluded: identities.infer(found, {}, excluded)),
    ),
    "2 what is excluded": row(
        "02_what_the_cassette_names_is_an_identity_and_what_the_config_excludes_is_none",
        (loading, "infer", lambda found, named, excluded: identities.infer(found, named, frozenset())),
    ),
    "2 derived forms": row(
        f"{IDS} 02_the_first_characters_of_one_uuid_stand_for_it_and_those_of_two_for_neither",
        (identities.Catalogue, "add", nothing),
    ),
    "2 where that is certain": row(
        "02_the_first_characters_of_one_uuid_stand_for_it_and_those_of_two_for_neither",
        (identities, "_add_shortened", switches.shorten_anyway),
    ),
    "3 introduced in an answer": row(
        "03_what_an_answer_shows_first_was_made_by_that_write",
        (worlds.World, "_find_creators", switches.asked_alone(worlds.World._find_creators)),
    ),
    "3 parents": row(
        "01_a_workspace_runs_until_its_org_is_deleted_however_often_it_is_asked "
        "03_a_list_that_is_handed_to_several_things_is_a_parent_of_each",
        (worlds.World, "ancestors", lambda self, things: set()),
    ),
    "3 what is handed on": row(
        "03_a_list_that_is_handed_to_several_things_is_a_parent_of_each", (worlds.World, "_drop_shared", nothing)
    ),
    "4 the subject is in the request": row(
        "04_a_read_that_names_something_is_about_nothing_else_that_it_tells_of",
        (views, "make_view", switches.told_too(views.make_view)),
    ),
    "4 else in the answer": row(
        "04_a_read_that_names_nothing_is_about_what_it_tells_of",
        (views, "_rest_identities", lambda *_: frozenset()),
    ),
    "4 what concerns": row(
        "10_a_cluster_in_every_answer_links_nothing",
        (
            worlds.World,
            "concerning",
            lambda self, subject: tuple(one for one in self.entries if one.changes),
        ),
    ),
    "4 writes that name the subject": row(
        "04_a_read_that_names_nothing_is_about_what_it_tells_of",
        (worlds.World, "concerning", switches.makers_alone(worlds.World.concerning)),
    ),
    "4 writes that introduced it": row(
        "01_a_workspace_runs_until_its_org_is_deleted_however_often_it_is_asked",
        (worlds.World, "concerning", switches.namers_alone(worlds.World.concerning)),
    ),
    "4 writes that introduce nothing concern what is below": row(
        "03_a_write_that_makes_something_changes_nothing_that_was_there_before_it",
        (worlds.World, "learn", switches.making_counts(worlds.World.learn)),
    ),
    "4 deletions do, whatever they introduce": row(
        "03_a_deletion_ends_what_was_in_it_though_it_makes_a_job",
        (worlds.World, "concerning", switches.no_deletions(worlds.World.concerning)),
    ),
    "4 names that are given again": row(
        "what_is_done_to_a_thing_that_has_an_earlier_ones_name_concerns_the_name",
        (worlds.World, "_find_generations", nothing),
    ),
    "4 but not those of what it is in": row(
        "equal_writes_that_name_what_another_made_make_children_of_it",
        (worlds.World, "_find_generations", switches.under_any_name(worlds.World._find_generations)),
    ),
    "4 what is put to what": row(
        "what_is_done_to_a_thing_concerns_what_was_put_to_it "
        "what_is_done_before_two_things_are_related_concerns_one_alone",
        (worlds, "relate", lambda changes, world: relations.Relations()),
    ),
    "4 from then on": row(
        "what_is_done_before_two_things_are_related_concerns_one_alone",
        (relations.Relations, "following", switches.at_any_time),
    ),
    "4 unless several callers put something to it": row(
        "what_every_body_names_links_nothing", (worlds, "relate", switches.never_crowded(relations.relate))
    ),
    "4 an element that no write shows": row(
        "an_element_that_no_write_shows_is_absent_until_the_write_before_it",
        (views, "_explain", lambda *_: views._NOTHING),
    ),
    "4 which its caller wrote": row(
        "the_writes_of_other_callers_to_a_shared_path_are_none_of_an_elements",
        (views, "_find_causes", switches.whoever_was_told(views._find_causes)),
    ),
    "4 what an operation tells of": row(
        "what_an_operation_tells_of_comes_of_the_write_that_began_it what_an_operation_has_not_told_of_yet_is_doubtful",
        (views, "_find_operation", nothing),
    ),
    "4 a document that no write names": row(
        "a_document_that_no_write_names_is_missing_until_the_write_before_it", (views, "_find_makers", lambda *_: ())
    ),
    "4 placeholders link nothing": row("04_a_secret_links_nothing", (templates, "Slot", switches.no_secret)),
    "4 a denied write changes nothing": row(
        "04_a_write_that_was_denied_changes_nothing", (worlds.Entry, "denied", False)
    ),
    "4 a write to a path": row(
        "04_a_read_about_nothing_changes_with_writes_to_its_path_below_it_and_above_it",
        (worlds.World, "concerning_path", lambda self, path: ()),
    ),
    "4 each cassette is a world": row(WORLD, (index.Bucket, "find", switches.first_world(index.Bucket.find))),
    "5 a bound value means its binding": row(
        "05_a_contradiction_is_named_in_the_miss 05_one_live_value_stands_for_one_thing",
        (bindings.Bindings, "bind", nothing),
    ),
    "5 what was recorded is itself": row(
        "05_what_was_recorded_stands_for_itself",
        (identities.Catalogue, "meaning", nothing),
        (identities.Catalogue, "__contains__", lambda self, identity: False),
    ),
    "5 what was handed out is itself": row(
        "05_no_made_up_id_stands_for_one_that_was_handed_out "
        "05_the_id_of_what_was_made_before_is_stale_once_it_is_made_again "
        "05_what_a_list_or_a_header_handed_out_is_itself",
        (bindings.Bindings, "serve", nothing),
    ),
    "5 by position": row(SLUG_WITHIN, (templates, "_read", switches.what_looks_made(templates._read))),
    "5 one value for one thing": row(
        "05_a_contradiction_is_named_in_the_miss", (bindings, "_equal", lambda expected, value: True)
    ),
    "5 one thing for one value": row(
        "05_one_live_value_stands_for_one_thing",
        (bindings.Bindings, "unify", switches.forgetful(bindings.Bindings.unify)),
        (bindings.Bindings, "meaning", nothing),
    ),
    "5 a placeholder fits any text": row(
        "05_any_text_fits_where_a_secret_was_and_several_secrets_may_be_one", (templates, "PLACEHOLDER", NEVER)
    ),
    "4 what was handed out links": row(
        "04_what_nothing_names_links_if_it_was_handed_out_and_brought_back",
        (loading, "name_drawn", lambda drawn: []),
    ),
    "6 outside the match": row(
        "06_another_scheme_is_another_credential",
        (decisions, "normalise", switches.with_credentials(matching.normalise)),
        (loading, "normalise", switches.with_credentials(matching.normalise)),
    ),
    "6 values break ties": row(
        "06_each_token_is_told_who_it_is_every_time",
        (search, "judge", lambda entries, sent, secrets, values, *, strict: credentials.Judged(entries, 0)),
    ),
    "6 what a call lacks": row(
        "14_a_call_without_credentials_is_denied_beside_the_same_with_them",
        (index.Line, "choose", lambda self, credentials: tuple(self.entries)),
    ),
    "6 schemes": row("06_another_scheme_is_another_credential", (index.Line, "choose", switches.by_header_alone)),
    "6 a denial without credentials": row(
        "06_a_denial_that_was_recorded_without_credentials_answers_no_call_with_them",
        (
            index.Line,
            "choose",
            lambda self, credentials: tuple(one for one in self.entries if one.credentials <= credentials),
        ),
    ),
    "6 more credentials do no harm": row(
        "06_credentials_beyond_those_that_were_recorded_do_no_harm",
        (
            index.Line,
            "choose",
            lambda self, credentials: tuple(one for one in self.entries if one.credentials == credentials),
        ),
    ),
    "6 what was served comes back": row(
        "16_the_secret_that_was_served_comes_back_and_another_does_not"
        " 16_what_a_login_without_credentials_was_given_comes_back_from_its_address",
        (bindings.Secrets, "expected", nothing),
    ),
    "6 what was served for another is not it": row(
        "16_the_token_of_one_login_is_not_that_of_another", (bindings.Secrets, "is_of", nothing)
    ),
    "6 a secret in the call itself": row(
        "06_a_secret_in_a_path_or_a_query_tells_callers_apart",
        (search, "judge", switches.without_slots(credentials.judge)),
    ),
    "6 a cookie is known by its name": row(
        "06_a_cookie_is_known_by_its_name_whatever_stands_beside_it",
        (loading, "split_secrets", lambda header, value: [(header, value)]),
    ),
    "6 a secret binds at its first use": row(
        "06_each_token_is_told_who_it_is_every_time", (bindings.Secrets, "use", nothing)
    ),
    "6 several secrets may share a value": row(
        "15_one_dummy_token_stands_for_both_tenants",
        (credentials, "_weigh", switches.one_secret_a_value(credentials._weigh)),
    ),
    "6 a change within one caller": row(
        "06_a_change_of_secret_is_noted_and_refused_only_where_that_is_wanted", (bindings.Secrets, "changed", nothing)
    ),
    "6 refused under strict_credentials": row(
        "06_a_change_of_secret_is_noted_and_refused_only_where_that_is_wanted",
        (search, "judge", switches.strictly(credentials.judge, strict=False)),
    ),
    "6 and under nothing else": row(
        "06_a_change_of_secret_is_noted_and_refused_only_where_that_is_wanted",
        (search, "judge", switches.strictly(credentials.judge, strict=True)),
    ),
    "6 a 401 that is played is replayed": row(
        "14_a_call_without_credentials_is_denied_beside_the_same_with_them",
        (decisions.Replay, "_tell", switches.denied(decisions.Replay._tell)),
    ),
    "7 nothing is conjured": row(
        "02_a_status_read_conjures_no_workspace 07_a_delete_conjures_nothing_either",
        (search, "find_conjured", nothing),
    ),
    "7 what was not there before": row(
        "07_what_a_404_asked_for_was_made_by_the_write_after_it", (worlds, "MISSING", frozenset())
    ),
    "7 but for reads before the creation": row(
        "03_what_was_not_there_before_it_was_made_is_there_after", (search, "find_conjured", switches.never_before)
    ),
    "7 which bind loosely": row(
        "03_what_was_not_there_before_it_was_made_is_there_after",
        (decisions, "find_loose", lambda candidate, *, missing: frozenset()),
    ),
    "8 a write answers once": row(
        "11_two_provisions_that_are_alike_but_for_the_id", (loading, "repeats", lambda route: True)
    ),
    "8 reserved at the match": row(
        "08_a_write_is_reserved_from_the_match_on",
        (session.Session, "play", switches.play_unreserved),
        (decisions.Serve, "settle", switches.settle_at_last),
    ),
    "8 released when it was cut off": row(
        "21_a_write_whose_answer_was_cut_off_answers_when_it_is_sent_again", (session.Session, "release", nothing)
    ),
    "8 repeat": row(
        "08_a_write_that_may_repeat_gives_its_last_answer_again", (loading, "repeats", lambda route: False)
    ),
    "9 the fewest free values": row(
        "09_a_tie_goes_to_the_fewest_free_values",
        (search, "rank", lambda candidate, asking: candidate.entries[0].number),
    ),
    "9 the fewest contradicting credentials": row(
        "09_a_tie_goes_to_the_fewest_contradicting_credentials_then_to_what_was_recorded_first",
        (search, "rank_worlds", switches.ranked_worlds),
    ),
    "9 recorded position": row(
        "09_a_tie_goes_to_the_fewest_contradicting_credentials_then_to_what_was_recorded_first",
        (search, "rank", switches.rank_later),
    ),
    "9 what was recorded before what fits anywhere": row(
        "05_any_text_fits_where_a_secret_is_the_name_of_a_parameter_and_others_keep_theirs",
        (search.Candidate, "open", property(lambda candidate: 0)),
    ),
    "9 the cassette whose writes to it were played last": row(
        "09_a_thing_that_two_cassettes_hold_is_read_from_the_one_that_made_it",
        (search, "_about", lambda candidate: ()),
    ),
    "9 a new token made such a call first": row(
        "09_a_new_token_is_that_of_a_caller_who_made_such_a_call_first",
        (credentials, "_is_first", lambda entry, marker: True),
    ),
    "9 nobody moves another to another cassette": row(
        "what_one_caller_does_moves_no_other_to_another_cassette", (search, "rank_worlds", switches.by_latest_write)
    ),
    "10 compared headers": row(
        "05_a_compared_header_keeps_the_configs_of_two_orgs_apart "
        "10_a_header_counts_where_the_config_compares_it_and_nowhere_else",
        (matching, "_values", lambda headers, name: ()),
    ),
    "10 the presence of conditions": row(
        "23_a_conditional_read_is_another_read 10_that_a_read_is_conditional_counts_and_not_on_what",
        (matching, "conditions", lambda headers: ()),
    ),
    "10 and not their values": row(
        "10_that_a_read_is_conditional_counts_and_not_on_what", (matching, "conditions", switches.values_count)
    ),
    "10 Accept where answers differ by it": row(
        "10_accept_counts_where_answers_differ_by_it", (loading, "_split_by_accept", nothing)
    ),
    "10 times and nonces in writes": row(
        "10_times_and_nonces_are_left_out_and_the_miss_says_so", (loading, "_find_new", lambda *_: frozenset())
    ),
    "10 and in reads": row(
        "10_times_and_nonces_are_left_out_and_the_miss_says_so", (loading, "_merge_once_only", nothing)
    ),
    "10 what is told back names nothing": row(
        "what_is_told_back_is_no_step_and_binds_nothing", (loading, "name_echoes", lambda *_: frozenset())
    ),
    "config: kind": row(
        "07_polls_that_are_posts_are_reads_where_a_route_says_so",
        (loading, "is_write", lambda method, route: is_write(method, None)),
    ),
}

READING: dict[str, Row] = {
    "11 the state is what was played": row(
        "01_a_workspace_runs_until_its_org_is_deleted_however_often_it_is_asked",
        (session.Session, "state", lambda self, timeline: timeline.numbers),
    ),
    "11 the last answer stays": row(
        "11_the_last_answer_of_a_state_stays",
        (session.Session, "tell", switches.starting_over(session.Session.tell)),
        (reading.Reading, "final", False),
    ),
    "11 the largest recorded subset": row(
        "11_of_the_states_that_were_recorded_the_largest_within_it_answers",
        (timelines.Timeline, "_search", switches.smallest_state(timelines.Timeline._search)),
    ),
    "11 a state that nobody recorded is undetermined": row(
        "11_a_state_that_nobody_recorded_is_doubtful", (reading, "_spell", lambda *_: "")
    ),
    "11 unless it lies between equal ones": row(
        "11_a_state_between_two_that_were_told_alike_is_determined",
        (timelines.Timeline, "_search", switches.never_between(timelines.Timeline._search)),
    ),
    "11 not recorded before the write": row(
        "11_what_was_asked_after_a_write_alone_is_a_miss_before_it",
        (reading, "_find", switches.earliest_anyway(reading._find)),
    ),
    "12 ended before the read began": row(
        "01_an_answer_within_a_write_belongs_to_neither_side",
        (timelines, "find_state", lambda writes, moment: frozenset(w.number for w in writes if w.start < moment)),
    ),
    "12 what overlaps, where nothing else is": row(
        "01_an_answer_within_a_write_belongs_to_neither_side",
        (timelines.Timeline, "_search", switches.within_writes_first(timelines.Timeline._search)),
    ),
    "13 equal neighbours": row("19_a_time_in_every_poll_makes_no_step", (timelines, "collapse", switches.every_step)),
    "13 status": row(STEPS, (documents, "frame", switches.framed(less=0))),
    "13 type": row(STEPS, (documents, "frame", switches.framed(less=1))),
    "13 Location": row(STEPS, (documents, "frame", switches.framed(less=2))),
    "13 body": row(STEPS, (documents, "frame", switches.framed(less=3))),
    "13 times": row(
        "19_a_time_in_every_poll_makes_no_step 13_a_time_within_the_recording_makes_no_step_and_another_does",
        (views, "Stable", switches.stable(window=(0.0, 0.0))),
    ),
    "13 inside the recording's window": row(
        "13_a_time_within_the_recording_makes_no_step_and_another_does",
        (views, "Stable", switches.stable(window=(0.0, 1e12))),
    ),
    "13 fresh ids": row(
        "13_a_fresh_id_in_every_answer_makes_no_step_and_one_that_is_used_does "
        "an_id_that_is_new_in_each_answer_is_no_step an_error_with_a_request_id_is_one_step",
        (views, "find_fresh", lambda *_: frozenset()),
    ),
    "13 left out of the comparison": row(
        "13_a_fresh_id_in_every_answer_makes_no_step_and_one_that_is_used_does",
        (views, "Stable", switches.stable(fresh=frozenset())),
    ),
    "13 that are never used again": row(
        "13_a_fresh_id_in_every_answer_makes_no_step_and_one_that_is_used_does",
        (documents.Stable, "_still", switches.no_ids(documents.Stable._still)),
    ),
    "13 its name says so": row("an_id_that_is_new_in_each_answer_is_no_step", (freshness, "_name", lambda kind: "")),
    "13 or two answers differ in it": row(
        "an_id_that_is_new_in_each_answer_is_no_step", (freshness, "_pair_quietly", lambda *_: ())
    ),
    "13 with no write between": row(
        "an_id_that_stands_nowhere_else_is_a_step_where_it_is_what_the_answer_says",
        (freshness, "_pair_quietly", switches.whatever_was_written),
    ),
    "13 at the same place": row(
        "13_an_id_that_is_new_in_one_place_is_a_step_in_another",
        (freshness, "_walk", switches.wherever_it_stands(freshness._walk)),
    ),
    "13 or the call had sent it": row(
        "what_is_told_back_is_no_step_and_binds_nothing", (freshness, "list_echoes", lambda *_: ())
    ),
    "13 small numbers count": row(
        "20_progress_is_ten_steps", (documents.Stable, "_still", switches.no_numbers(documents.Stable._still))
    ),
    "13 volatile": row(
        "13_what_the_config_calls_volatile_makes_no_step",
        (views, "make_view", switches.without_volatile(views.make_view)),
    ),
    "14 lists are composed": row(
        "09_two_operators_each_see_their_own_org_in_one_list",
        (documents, "find_layout", lambda *_: documents.Layout()),
    ),
    "14 members that ids name": row(
        "14_the_members_of_an_object_that_ids_name_are_parts_of_it",
        (documents, "find_layout", switches.lists_alone(documents.find_layout)),
    ),
    "14 which no sibling holds": row(
        "14_what_siblings_share_names_none_of_them", (documents, "_choose_name", switches.first_name)
    ),
    "14 absence included": row(
        "14_an_element_is_absent_again_once_it_was_deleted",
        (views, "_make_parts", switches.never_absent(views._make_parts)),
    ),
    "14 absent until it is made": row(
        "14_an_element_is_absent_until_it_is_made_and_that_is_certain "
        "14_an_element_that_a_read_within_its_making_showed_is_absent_until_it_is_made",
        (views, "_find_creator", nothing),
    ),
    "14 the rest has a time of its own": row(
        "14_the_rest_of_a_list_has_a_time_of_its_own",
        (views, "make_view", switches.still_rest(views.make_view)),
    ),
    "14 what no list showed": row(
        "14_what_no_list_read_saw_is_doubtful_and_never_invented", (views, "_find_unseen", lambda *_: ())
    ),
    "14 of what it is about": row(
        "what_was_made_elsewhere_leaves_no_doubt_about_a_list "
        "another_thing_of_its_kind_leaves_no_doubt_about_a_document_that_holds_its_own_name",
        (views, "_is_about", lambda *_: True),
    ),
    "14 or of what is in it": row(
        "what_was_made_in_it_and_never_seen_is_doubtful", (views, "_is_about", lambda *_: False)
    ),
    "14 what a write shows and nobody made": row(
        "a_writes_answer_that_shows_what_nobody_made_is_doubtful", (decisions, "find_unmade", lambda *_: "")
    ),
    "14 kinds of writes that change nothing": row(
        "14_a_kind_of_write_that_was_seen_to_change_nothing_leaves_no_doubt",
        (views.View, "is_settled", lambda self, missing: False),
    ),
    "15 by caller": row(
        "15_the_polls_of_one_caller_never_move_another",
        switches.remembering("progress", lambda key: key[1:]),
    ),
    "15 by token": row(
        "15_callers_alike_in_token_and_address_share_their_progress",
        switches.remembering("progress", lambda key: (key[0][1:], *key[1:])),
    ),
    "15 by address": row(
        "15_callers_alike_in_token_and_address_share_their_progress",
        switches.remembering("progress", lambda key: (key[0][:1], *key[1:])),
    ),
    "15 by timeline": row(
        "15_the_polls_of_one_thing_never_move_another",
        switches.remembering("progress", lambda key: (key[0], key[2])),
    ),
    "15 others went on": row(
        "15_what_one_caller_did_not_wait_for_goes_on_as_another_saw_it",
        (timelines.Timeline, "go_on", lambda self, found, wide: found),
    ),
    "16 one time": row(
        "08_status_and_detail_of_one_thing_tell_one_time", (session, "_is_past", lambda step, moment: False)
    ),
    "16 per caller": row(
        "16_what_one_caller_was_told_is_no_later_time_for_another",
        switches.remembering("moments", lambda key: key[1:]),
    ),
    "16 per identity": row(
        "16_what_was_told_of_one_thing_is_no_later_time_for_another",
        switches.remembering("moments", lambda key: key[:2]),
    ),
}

SERVING: dict[str, Row] = {
    "17 bound identities are written in": row(
        "02_the_first_characters_of_one_uuid_stand_for_it_and_those_of_two_for_neither",
        (serving.Text, "write", switches.as_recorded),
    ),
    "17 what this call sent": row(
        "a_write_tells_back_what_this_call_sent each_call_is_told_back_its_own_wherever_the_answer_holds_it "
        "a_list_is_composed_and_tells_back_what_this_call_sent a_part_of_what_was_sent_is_told_back",
        (decisions, "read_echoes", lambda *_, composed: {}),
    ),
    "17 placeholders in their wire form": row(
        "17_a_secret_is_served_in_a_form_that_fits_headers_and_urls", (serving, "reveal", lambda text: text)
    ),
    "17 the front's address in answers": row(
        "17_the_upstreams_address_becomes_the_fronts_in_every_form", (serving, "render", lambda text, public: text)
    ),
    "17 and in their headers": row(
        "17_the_upstreams_address_becomes_the_fronts_in_every_form",
        (serving, "render_headers", lambda headers, public: headers),
    ),
    "17 in requests": row(
        "17_the_fronts_address_in_a_request_stands_for_the_upstreams",
        (decisions, "_with_token", lambda request, public: request),
    ),
    "17 and in their headers that count": row(
        "17_the_fronts_address_in_a_compared_header_stands_for_the_upstreams",
        (decisions, "_with_token_in_headers", lambda request, public: request),
    ),
    "17 the coding that the client accepts": row(
        "17_a_config_that_was_recorded_with_gzip_is_read_plain", (serving, "accepts", lambda *_: True)
    ),
    "17 lengths are made anew": row(
        "17_lengths_are_made_anew_and_what_names_nothing_stays_byte_for_byte",
        (decisions, "write", switches.recorded_lengths(serving.write)),
    ),
}

ARRIVAL: dict[str, Row] = {
    "arrival: writes": row(
        "a_write_that_could_be_another_is_undetermined_and_what_is_bound_is_certain_from_then_on",
        (fates.Fates, "rivals", lambda self, entry: ()),
    ),
    "arrival: writes that fare alike": row(
        "writes_that_need_no_guess_are_determined", (fates.Fates, "compare", lambda self, one, other: "somewhere")
    ),
    "arrival: reads": row(
        "a_read_of_a_thing_that_nothing_showed_is_a_guess_when_it_binds_and_never_again",
        (guesses, "find_difference", lambda one, other: ""),
    ),
    "arrival: tokens": row(
        "a_token_that_was_told_from_others_by_arrival_proves_nothing", (guesses.Guesses, "_weigh_tokens", nothing)
    ),
    "arrival: what is left over": row(
        "whoever_took_anothers_place_by_arrival_leaves_anothers_to_who_comes_after",
        (guesses.Guesses, "_find_shift", lambda *_: ""),
    ),
    "arrival: credentials": row(
        "an_unknown_token_is_noted_where_answers_differ_by_credential_alone",
        (views.View, "unlike_callers", lambda self: ()),
    ),
    "arrival: cassettes": row(
        "what_one_caller_does_moves_no_other_to_another_cassette",
        (guesses.Guesses, "note_world", staticmethod(lambda candidate, candidates, asking: "")),
    ),
    "arrival: a miss says so": row(
        "a_miss_says_that_what_it_names_was_bound_by_arrival", (decisions, "spell_guesses", lambda *_: "")
    ),
}

RULES = MATCHING | READING | SERVING | ARRIVAL
