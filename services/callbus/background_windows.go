package callbus

// readInBackground has nothing to do here: Windows stops no program that reads.
func readInBackground() {}
