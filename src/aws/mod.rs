//! SDK set-up: clients, connectors, deadlines, the allow-list of verbs, the rate budget.
