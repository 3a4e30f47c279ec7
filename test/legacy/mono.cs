// mono.exe ADDRESS FILE: by the proxy that Mono's wsdl makes of the WSDL.
using System;
using System.IO;

class Program {
    static void Main(string[] args) {
        var service = new CacheService { Url = "http://" + args[0] + "/api/index.php" };
        Console.WriteLine(service.cacheTorrent(Convert.ToBase64String(File.ReadAllBytes(args[1]))));
    }
}
