// Package crash has the tests that cut the power of whole machines: v7em killed while
// V7 is at work, and recorded runs that are cut after every write.
package crash
