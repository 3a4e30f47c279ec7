package main

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// profileVariable names the environment variable with the folder for the servers' CPU profiles.
const profileVariable = "TORRENTCACHE_BENCH_PROFILES"

// profiled makes a server write its CPU profile when it is stopped, if profileVariable is set.
func profiled(name string, serve func(args []string) error) func(args []string) error {
	return func(args []string) error {
		dir := os.Getenv(profileVariable)
		if dir == "" {
			return serve(args)
		}
		file, err := os.CreateTemp(dir, name+"-"+args[1]+"-*.pprof")
		if err != nil {
			return err
		}
		stopped := make(chan os.Signal, 1)
		signal.Notify(stopped, syscall.SIGTERM)
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		go func() {
			<-stopped
			pprof.StopCPUProfile()
			os.Exit(0)
		}()
		return serve(args)
	}
}
