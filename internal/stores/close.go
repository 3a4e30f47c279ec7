package stores

import (
	"fmt"

	"github.com/torrentcache/torrentcache/store"
)

// Close closes st. Its error says that it was the closing that failed.
func Close(st store.Store) error {
	if err := st.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}
