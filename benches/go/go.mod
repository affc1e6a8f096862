module gort/benches/peer

go 1.25
