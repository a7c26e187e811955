// What a partner uploads about its members, whenever it does: each file is run as soon as it is complete.
import { defineJob } from "updraft";
import { countryA3, date, dialingCode, lowerCase, phoneNumber, spaces, usState, zip5 } from "updraft/transforms";

export default defineJob({
  name: "partner-upload",
  columns: {
    customerId: "Member Number",
    firstName: "First",
    lastName: "Last",
    dateOfBirth: "Birth Date",
    email: "E-mail",
    addressLine1: "Mailing Address",
    addressLine2: "Address 2",
    city: "City",
    stateCode: "State",
    postalCode: "Postal Code",
    countryCodeA3: "Country",
    "mobile.phoneNumber": "Cell Phone",
    "mobile.countryDialingCode": "Cell Phone",
    "landline.phoneNumber": "Home Phone",
    "landline.countryDialingCode": "Home Phone",
  },
  transforms: {
    customerId: [spaces],
    firstName: [spaces],
    lastName: [spaces],
    dateOfBirth: [date("MM/DD/YYYY")],
    email: [spaces, lowerCase],
    addressLine1: [spaces],
    addressLine2: [spaces],
    city: [spaces],
    stateCode: [usState],
    postalCode: [zip5],
    countryCodeA3: [countryA3],
    "mobile.phoneNumber": [phoneNumber("US")],
    "mobile.countryDialingCode": [dialingCode("US")],
    "landline.phoneNumber": [phoneNumber("US")],
    "landline.countryDialingCode": [dialingCode("US")],
  },
  ignoreColumns: ["Join Date", "Tier"],

  // Partners upload by SFTP under the final name: a file is complete when it has not grown for ten seconds. Where PARTNER_INBOX
  // does not say otherwise, the folder beside this file, to try it out.
  watch: { inbox: process.env.PARTNER_INBOX ?? "partner-upload/inbox", settle: "10s" },

  rate: "20/s",
  stopAfter: "10%",
  keep: "90d",

  examples: [
    {
      record: {
        "Member Number": "csta_kx23UkJZc8K47wJlzh9C9a",
        First: "Aaron",
        Last: "Ybarra",
        "Birth Date": "8/13/1975",
        "E-mail": "Aaron.Ybarra@example.net",
        "Mailing Address": "1498 Harbor Boulevard",
        "Address 2": "",
        City: "Savannah",
        State: "Georgia",
        "Postal Code": "31452-0042",
        Country: "United States",
        "Cell Phone": "(912) 555-0106",
        "Home Phone": "+1 912.555.0107",
      },
      update: {
        customerId: "csta_kx23UkJZc8K47wJlzh9C9a",
        firstName: "Aaron",
        lastName: "Ybarra",
        dateOfBirth: "1975-08-13",
        email: "aaron.ybarra@example.net",
        addresses: [
          {
            type: "PRIMARY",
            addressLine1: "1498 Harbor Boulevard",
            city: "Savannah",
            stateCode: "GA",
            postalCode: "31452",
            countryCodeA3: "USA",
          },
        ],
        phones: [
          { type: "MOBILE", countryDialingCode: "1", phoneNumber: "9125550106" },
          { type: "LANDLINE", countryDialingCode: "1", phoneNumber: "9125550107" },
        ],
      },
    },
    // The day before the month: nobody is born in a month 13.
    { record: { "Member Number": "csta_0b3Lf2SkZGYatwLFJ5bvUF", "Birth Date": "13/08/1975" }, update: null },
  ],
});
