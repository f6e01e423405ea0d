// Package screen shows a running machine: its console, a plain glass terminal, beside
// a live picture of the processor, the packs block by block, the transactions and
// the journals. What it shows is sampled, some times a second, from counters that
// cost the machine next to nothing; all of it is drawn through tcell.
package screen
