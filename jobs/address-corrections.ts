// A list of corrected addresses, as it comes back from an address check or a returned mailing: run by hand, twenty rows first.
import { defineJob } from "updraft";
import { spaces, usState, zip5 } from "updraft/transforms";

export default defineJob({
  name: "address-corrections",
  columns: {
    customerId: "Cust ID",
    addressLine1: "Street",
    addressLine2: "Apt",
    city: "Town",
    stateCode: "State",
    postalCode: "ZIP",
  },
  constants: { countryCodeA3: "USA" },
  transforms: {
    customerId: [spaces],
    addressLine1: [spaces],
    addressLine2: [spaces],
    city: [spaces],
    stateCode: [usState],
    // Excel takes the zeros at the beginning away.
    postalCode: [zip5],
  },
  ignoreColumns: ["Name", "Notes", "Checked by"],

  rate: "20/s",
  // A column in the wrong place shows in the first rows, not after all of them.
  canary: 20,
  stopAfter: "50,5%",
  stopAfterSame: 10,

  examples: [
    {
      record: {
        "Cust ID": "csta_WzQZEEN7YPRMkIAt0BQ22q",
        Street: "1200 Market  Street",
        Apt: "5",
        Town: "Jersey City",
        State: "New Jersey",
        ZIP: "7302",
      },
      update: {
        customerId: "csta_WzQZEEN7YPRMkIAt0BQ22q",
        addresses: [
          {
            type: "PRIMARY",
            addressLine1: "1200 Market Street",
            addressLine2: "5",
            city: "Jersey City",
            stateCode: "NJ",
            postalCode: "07302",
            countryCodeA3: "USA",
          },
        ],
      },
    },
    {
      record: {
        "Cust ID": "csta_sm8Ftfcv8zrGXb4C5ANQnc",
        Street: "14 Mill Lane",
        Apt: "",
        Town: "Richmond",
        State: "va",
        ZIP: "23268-1420",
      },
      update: {
        customerId: "csta_sm8Ftfcv8zrGXb4C5ANQnc",
        addresses: [
          {
            type: "PRIMARY",
            addressLine1: "14 Mill Lane",
            city: "Richmond",
            stateCode: "VA",
            postalCode: "23268",
            countryCodeA3: "USA",
          },
        ],
      },
    },
    // An address without its town is none.
    {
      record: {
        "Cust ID": "csta_HAtyKslewrFZYfxdHWR02g",
        Street: "1357 Maple Avenue",
        Apt: "",
        Town: "",
        State: "OR",
        ZIP: "97282",
      },
      update: null,
    },
  ],
});
