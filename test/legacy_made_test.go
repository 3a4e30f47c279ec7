//go:build e2e

package test

import (
	"path/filepath"
	"testing"
)

// gsoapClient is a program in C around what gSOAP makes of the server's WSDL.
func gsoapClient(t *testing.T, s *server) []string {
	t.Helper()
	dir := t.TempDir()
	copyFile(t, "legacy/gsoap.c", dir)
	run(t, dir, "wsdl2h", "-c", "-o", "cache.h", "http://"+s.HTTP+"/api/torrage.wsdl")
	run(t, dir, "soapcpp2", "-c", "-C", "-CL", "cache.h")
	run(t, dir, "gcc", "-w", "-I.", "-o", "client", "gsoap.c", "soapC.c", "soapClient.c", "-lgsoap")
	return []string{filepath.Join(dir, "client")}
}

// monoClient is a program in C# around what Mono's wsdl makes of the server's WSDL.
func monoClient(t *testing.T, s *server) []string {
	t.Helper()
	dir := t.TempDir()
	copyFile(t, "legacy/mono.cs", dir)
	run(t, dir, "wsdl", "-out:Cache.cs", "http://"+s.HTTP+"/api/torrage.wsdl")
	run(t, dir, "mcs", "-r:System.Web.Services.dll", "-out:client.exe", "Cache.cs", "mono.cs")
	return []string{"mono", filepath.Join(dir, "client.exe")}
}

// javaClient is compiled once. The run-time environment alone has the compiler as a module.
func javaClient(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	run(t, "legacy", "java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-d", dir, "Autoupload.java")
	return []string{"java", "-XX:TieredStopAtLevel=1", "-cp", dir, "Autoupload"}
}
