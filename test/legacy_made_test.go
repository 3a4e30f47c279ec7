//go:build e2e

package test

import (
	"path/filepath"
	"testing"
)

// gsoapClient returns a program in C around the code that gSOAP generates from the server's WSDL.
func gsoapClient(t *testing.T, s *server) []string {
	t.Helper()
	dir := t.TempDir()
	copyFile(t, "legacy/gsoap.c", dir)
	run(t, dir, "wsdl2h", "-c", "-o", "cache.h", "http://"+s.HTTP+"/api/torrage.wsdl")
	run(t, dir, "soapcpp2", "-c", "-C", "-CL", "cache.h")
	run(t, dir, "gcc", "-w", "-I.", "-o", "client", "gsoap.c", "soapC.c", "soapClient.c", "-lgsoap")
	return []string{filepath.Join(dir, "client")}
}

// monoClient returns a program in C# around the code that Mono's wsdl generates from the server's
// WSDL.
func monoClient(t *testing.T, s *server) []string {
	t.Helper()
	dir := t.TempDir()
	copyFile(t, "legacy/mono.cs", dir)
	run(t, dir, "wsdl", "-out:Cache.cs", "http://"+s.HTTP+"/api/torrage.wsdl")
	run(t, dir, "mcs", "-r:System.Web.Services.dll", "-out:client.exe", "Cache.cs", "mono.cs")
	return []string{"mono", filepath.Join(dir, "client.exe")}
}

// javaClient compiles the Java client once. It runs the compiler as a module, which even a
// runtime environment without javac has.
func javaClient(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	run(t, "legacy", "java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-d", dir, "Autoupload.java")
	return []string{"java", "-XX:TieredStopAtLevel=1", "-cp", dir, "Autoupload"}
}
