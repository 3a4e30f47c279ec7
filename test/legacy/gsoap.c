// gsoap ADDRESS FILE: by gSOAP in C. wsdl2h -c and soapcpp2 -c -C -CL make the headers of the WSDL.
#include <stdio.h>
#include <stdlib.h>
#include "soapH.h"
#include "CacheBinding.nsmap"

int main(int argc, char **argv) {
  char endpoint[200], *result = NULL;
  FILE *file = fopen(argv[2], "rb");
  fseek(file, 0, SEEK_END);
  int size = (int)ftell(file);
  unsigned char *bytes = malloc(size + 1);
  rewind(file);
  if (fread(bytes, 1, size, file) != (size_t)size) return 1;
  fclose(file);

  struct soap *soap = soap_new();
  snprintf(endpoint, sizeof endpoint, "http://%s/api/index.php", argv[1]);
  // NULL for no text would leave the element out.
  char *torrent = size > 0 ? soap_s2base64(soap, bytes, NULL, size) : "";
  if (soap_call_ns1__cacheTorrent(soap, endpoint, NULL, torrent, &result) != SOAP_OK) {
    soap_print_fault(soap, stderr);
    return 1;
  }
  puts(result);
  return 0;
}
