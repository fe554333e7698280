"""Files that are wrong, each in its own way, and whether a JSON schema can say so. The way is the name of the test."""

ANSWERED = "rules: {sms.missing: {queue_failed_resent: no}}\n"
"""The least that `reconciler check` accepts of a venue that sends texts."""
REPORT = "repairs: report\n"
"""The same of a venue that sends none."""
SEEN_BY_BOTH = {
    "an unknown key at the top": "colour: red\n",
    "an unknown key of a section": "bookings: {tabel: x}\n",
    "an unknown key below a table": "bookings: {customers: {columns: {optin: x}}}\n",
    "an unknown key of a message": "rules: {sms.missing: {messages: {draft: {trigger: x, template: x, a: 1}}}}\n",
    "an unknown rule": "rules: {sms.mising: {}}\n",
    "an unknown job": "jobs: {sms_mising: {every: 5m}}\n",
    "an unknown job that is off": "jobs: {fire_dril: off}\n",
    "a key under both of its names": "bookings: {lookback: 9d, scan_window: 9d}\n",
    "another version": "version: 2\n",
    "a version that is none": "version: true\n",
    "a zone that is none": "timezone: London\n",
    "a language that is none": "locale: english\n",
    "a region that is none": "rules: {sms.missing: {region: UK}}\n",
    "a country that is none": "rules: {sms.missing: {countries: [GB, Ireland]}}\n",
    "a word that is none": "repairs: off\n",
    "a word in capitals": "rules: {calendar.missing: {policy: OFF}}\n",
    "a duration without a unit": "bookings: {grace: 10}\n",
    "a duration in words": "bookings: {grace: 10 minutes}\n",
    "a duration of two parts": "limits: {lease: 1h30m}\n",
    "a duration of nothing": "bookings: {scan_window: 0d}\n",
    "a rate without a time": "limits: {rate: {sms: 5}}\n",
    "a rate of nothing": "limits: {rate: {sms: 0/s}}\n",
    "a rate in no time": "limits: {per_recipient: 3/0h}\n",
    "hours that no clock has": "rules: {sms.missing: {quiet_hours: 21:00-24:30}}\n",
    "half of the hours": "rules: {sms.missing: {quiet_hours: 21:00}}\n",
    "a date in another order": "bookings: {since: 01.05.2026}\n",
    "a table of three parts": "bookings: {table: a.b.c}\n",
    "a scalar for a list": "bookings: {statuses: draft}\n",
    "an empty list": "bookings: {statuses: []}\n",
    "a number in a list of texts": "bookings: {statuses: [draft, 5]}\n",
    "a scalar for a section": "limits: 5\n",
    "an empty section": "limits:\n",
    "a column without a name": "bookings: {columns: {id: ''}}\n",
    "null for a column that must be there": "bookings: {columns: {status: null}}\n",
    "an emptied table": "bookings: {customers: }\n",
    "a number in quotes": "limits: {pass: '5'}\n",
    "a number that is too small": "limits: {pass: 0}\n",
    "a number that is too large": "limits: {attempts: 9999999999}\n",
    "a truth for a number": "limits: {segments: true}\n",
    "a share above one": "limits: {breaker: {ratio: 1.5}}\n",
    "a number for a truth": "record: {beacon: 7}\n",
    "a list for a value of a column": "bookings: {only: {venue_id: [7]}}\n",
    "a message without its template": "rules: {sms.missing: {messages: {draft: {trigger: x}}}}\n",
    "a job with no time": "jobs: {sms_missing: {}}\n",
    "a job with two times": "jobs: {sms_missing: {every: 5m, cron: 0 10 * * mon}}\n",
    "a crontab line of four fields": "jobs: {sms_missing: {cron: 0 10 * *}}\n",
    "a weekday by number": "jobs: {sms_missing: {cron: 0 10 * * 1}}\n",
    "a join without a table": "bookings: {join: {person: {on: {id: person_id}}}, name: person.name}\n",
    "a join of two words": "bookings: {join: {a-b: {table: people, on: {id: person_id}}}}\n",
    "a place of three parts": "bookings: {name: a.b.c}\n",
    "a path that ends in JSON": "bookings: {phone: meta->phone}\n",
    "no place": "bookings: {phone: []}\n",
    "several places of a fact": "bookings: {facts: {barber: [a, b]}}\n",
    "a fact of two words": "bookings: {facts: {the barber: a}}\n",
    "a pattern of blanks": "rules: {sms.missing: {ignore: [' ']}}\n",
}
SEEN_BY_CHECK_ALONE = {
    "a template with an unknown variable": (
        "rules: {sms.missing: {messages: {draft: {trigger: x, template: '{{ frist_name }} {{ ref }}'}}}}\n"
    ),
    "a template without the reference": (
        "rules: {sms.missing: {messages: {draft: {trigger: x, template: Hello}}}}\nbookings: {statuses: [draft]}\n"
    ),
    "a status without a message": "bookings: {statuses: [draft, confirmed, held]}\n",
    "a pattern that is none": "rules: {sms.missing: {ignore: ['/(/']}}\n",
    "a pattern that matches everything": "rules: {sms.missing: {ignore: ['/a*/']}}\n",
    "a day that never comes": "bookings: {since: 2026-02-30}\n",
    "a schedule that never comes": "jobs: {sms_missing: {cron: 0 0 31 2 *}}\n",
    "a minute that no hour has": "jobs: {sms_missing: {cron: 61 10 * * *}}\n",
    "a duration that is too long": "bookings: {scan_window: 99999d}\n",
    "hours of no length": "rules: {sms.missing: {quiet_hours: 9:00-09:00}}\n",
    "a language that nobody writes there": "locale: en_XX\n",
    "a share that is no number": "limits: {breaker: {ratio: .nan}}\n",
    "a fraction that is whole": "limits: {pass: 5.0}\n",
    "a key that is a number": "bookings: {only: {7: 7}}\n",
    "a template with a fact that is not mapped": (
        "bookings: {facts: {barber: b}}\n"
        "rules: {sms.missing: {messages: {draft: {trigger: x, template: '{{ facts.barbr }} {{ ref }}'}}}}\n"
    ),
    "a template with all facts": (
        "bookings: {facts: {barber: b}}\n"
        "rules: {sms.missing: {messages: {draft: {trigger: x, template: '{{ facts }} {{ ref }}'}}}}\n"
    ),
    "an unknown join": "bookings: {phone: persn.mobile}\n",
    "a join that nothing uses": "bookings: {join: {person: {table: people, on: {id: person_id}}}}\n",
    "a join on nothing": "bookings: {join: {person: {table: people, on: {}}}, name: person.name}\n",
    "a place that is named twice": "bookings: {phone: [a, b, a]}\n",
    "a number in two places": "bookings: {phone: a, columns: {phone: b}}\n",
    "a name on a column that has one": "bookings: {name: guest_count}\n",
    "limits that contradict each other": "limits: {lease: 31s}\n",
    "a job that overtakes itself": "jobs: {sms_missing: {every: 1m}}\n",
    "a memory that is too short": "jobs: {ledger_retention: {every: 24h, keep: 13d}}\n",
    "one column under two names": "bookings: {columns: {name: full_name, first_name: full_name}}\n",
    "a rule that cannot report": "rules: {sms.missing: {queue: {columns: {scheduled_for: null, created_at: null}}}}\n",
    "a status that is on and off": "bookings: {cancelled: [draft]}\n",
    "a route instead of its variable": "reporting: {oncall: ['json://pager.example']}\n",
    "a text of ours that does not count": "rules: {sms.missing: {satisfied_by: [booking_created, welcome]}}\n",
    "a row in flight that is sent": "record: {in_flight: approved}\n",
}
"""What needs two keys together, a calendar, a template's own grammar, or that of regular expressions."""
WRONG = SEEN_BY_BOTH | SEEN_BY_CHECK_ALONE
