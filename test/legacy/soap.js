// node soap.js ADDRESS FILE [PATH OF THE WSDL]: by the npm package soap.
const fs = require('fs');
const soap = require('soap');

const [address, file, wsdl = '/api/torrage.wsdl'] = process.argv.slice(2);
const torrent = fs.readFileSync(file).toString('base64');

soap.createClient(`http://${address}${wsdl}`, (err, client) => {
  if (err) throw err;
  client.cacheTorrent({ torrent }, (err, answer) => {
    if (err) throw err;
    // The legacy answer says xsi:type, and comes as an object with the text in it.
    const result = answer.Result.$value || answer.Result;
    console.log(String(result));
  });
});
